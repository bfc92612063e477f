import json, itertools
import pytest
from datetime import UTC, datetime, timedelta
from kiosk.central.ingest.decode import decode
from kiosk.central.store import write, work_off
from tests.central.web.office import Office, served, NOW, messages, FLEET

from tests import postgres
from tests.central.store.books import health

PAGES=["/","/audience","/content","/devices","/sites","/devices/acme/s1/evil","/reports/acme/s1/2026-W47","/audience?site=acme/s1&period=365d","/content?site=acme/s1"]
API=["/sites","/devices","/hours?limit=1000","/alerts","/audience?first=2026-11-10&last=2026-11-18","/export/hours.csv","/export/hours.parquet","/export/audience.csv","/export/audience.csv?by=day","/devices/acme/s1/evil","/creatives?limit=1000","/commands","/plays"]
B="kiosk/v1/acme/s1/evil"
base=json.loads(next(e.payload for e in messages() if e.content.__class__.__name__=="Hours"))
def hour(seq, **ch):
    h=json.loads(json.dumps(base)); h["seq"]=seq; h["epoch"]="0123abcd"
    t=ch.pop("tables",{})
    h["tables"].update(t); h.update(ch); return h
def hl(**ch):
    d=json.loads(health(1).payload); d["at"]=NOW.isoformat(); d.update(ch); return d
M=2**63-1
import copy
def maxed(seq, at):
    h=hour(seq, hour=at)
    def walk(o):
        for k,v in (o.items() if isinstance(o,dict) else enumerate(o)):
            if isinstance(v,bool): continue
            if isinstance(v,int): o[k]=M
            elif isinstance(v,(dict,list)): walk(v)
    walk(h["tables"]); return h
CASES={
 "max": [("up/hours",maxed(i+1,f"2026-11-{10+i%8:02d}T{i%24:02d}:00:00Z")) for i in range(30)],
 "scale_big":[("up/hours",hour(1,noise={"epsilon":1.0,"scales":{k:1e300 for k in ("visits","dwell","attention","age_gender","impressions","creative_visits")}}))],
 "scale_neg":[("up/hours",hour(1,noise={"epsilon":1.0,"scales":{"visits":-0.001}}))],
 "scale_tiny":[("up/hours",hour(1,noise={"epsilon":1.0,"scales":{"visits":5e-324}}))],
 "health_big":[("up/health",hl(disk_free_mb=10**400))],
 "health_big2":[("up/health",hl(temperature_c=10**400))],
 "uptime":[("up/health",hl(uptime_s=10**400))],
 "since1":[("status",{"schema":1,"state":"offline","version":"1","since":"0001-01-01T00:00:00Z"})],
 "since9999":[("status",{"schema":1,"state":"offline","version":"1","since":"9999-12-31T23:59:59Z"})],
 "hour1":[("up/hours",hour(1,hour="0001-01-01T00:00:00Z"))],
 "hour9999":[("up/hours",hour(1,hour="9999-12-31T23:00:00Z"))],
 "health_at":[("up/health",hl(at="0001-01-01T00:00:00Z"))],
 "given":[("up/health",hl(outbox={**hl()["outbox"],"epoch":f"0000000{i}","hours":{"lowest":M,"next":M},"plays":{"lowest":M,"next":M}})) for i in range(4)],
 "creatives":[("up/hours",hour(i+1,policy="count-only",hour=f"2026-11-{10+i//20}T{i%20:02d}:00:00Z",tables={"age_gender":None,"impressions_age_gender":None,"mood":None,"group_size":None,"creatives":{f"c{i}-{n}":{**{k:(None if k in('age_gender','mood','group_size') else 0) for k in next(iter(base["tables"]["creatives"].values()))}} for n in range(900)}})) for i in range(40)],
 "duration":[("up/plays",{"schema":1,"stream":"plays","epoch":"0123abcd","seq":1,"plays":[{"play_id":"x","creative":"=cmd","campaign":"=c","start":"0001-01-01T00:00:00Z","duration_s":1e308,"completed":True,"presented":True}]})],
}
@pytest.fixture(params=["America/New_York","Pacific/Auckland"])
def zone(request): return request.param
@pytest.fixture(params=["sqlite","postgresql"])
def off(request,tmp_path,zone):
    db=postgres.database() if request.param=="postgresql" else None
    import tests.central.web.office as om
    class S(om.Settings):
        pass
    real=om.Settings.model_validate
    def mv(d):
        d["central"]["timezone"]=request.getfixturevalue("zone"); return real(d)
    om.Settings=type("X",(),{"model_validate":staticmethod(mv)})
    try: o=Office(tmp_path,db)
    finally: om.Settings=S.__mro__[1]
    assert o.settings.central.timezone==request.getfixturevalue("zone")
    object.__setattr__(o.settings.central,"timezone","America/New_York") if False else None
    o.gather()
    with served(o): yield o
@pytest.mark.parametrize("case",CASES)
def test_case(off,case):
    from kiosk.central.ingest.worker import Worker
    from kiosk.service import Heartbeat
    w=Worker(off.settings,off.clock,Heartbeat(off.clock.monotonic))
    off.engine.dispose()
    r=w.handle([(f"{B}/{leaf}",json.dumps(p).encode()) for leaf,p in CASES[case]])
    print("handled", r)
    w.rest("x"); 
    print("sums",work_off(off.engine,"Europe/Berlin"))
    if case=="given":
        print(w.handle([(f"{B}/{leaf}",json.dumps(p).encode().replace(b"0000000",b"1000000")) for leaf,p in CASES[case]]))
    bad=[]
    with off.signed_in("operator") as b:
        for p in PAGES:
            a=b.get(p)
            if a.status_code not in (200,303,404): bad.append((p,a.status_code))
    with off.api("operator") as c:
        for p in API:
            try: a=c.get(p)
            except Exception as e: bad.append((p,repr(e)[:90])); continue
            if a.status_code not in(200,404): bad.append((p,a.status_code,a.text[:150]))
    import httpx
    a=httpx.get(off.url+"/metrics",headers=off.bearer())
    if a.status_code!=200: bad.append(("/metrics",a.status_code))
    assert not bad, bad
