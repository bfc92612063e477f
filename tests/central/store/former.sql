PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO _sqlite_migrations VALUES(1,'kiosk-central','m001_first_tables','2026-11-22 20:54:17.371978+00:00');
INSERT INTO _sqlite_migrations VALUES(2,'kiosk-central','m002_what_is_known_of_an_hour','2026-11-22 20:54:17.372825+00:00');
CREATE TABLE IF NOT EXISTS "messages" (
   "tenant" TEXT,
   "site" TEXT,
   "device" TEXT,
   "epoch" TEXT,
   "stream" TEXT,
   "seq" INTEGER,
   "sha256" BLOB,
   "received" TEXT,
   PRIMARY KEY ("tenant", "site", "device", "epoch", "stream", "seq")
) STRICT;
INSERT INTO messages VALUES('demo','shop-1','kiosk-1','0123abcd','hours',1,X'268b1d20ea3a7ded4113ba99a66c510e338e9f2c4113f7563c885a32e3b999bf','2026-01-02T10:05:00Z');
INSERT INTO messages VALUES('demo','shop-1','kiosk-1','0123abcd','hours',2,X'c183398051b1bba81085f80e3497f554f660819baa71d4f1021622b55d547a60','2026-01-02T10:05:00Z');
INSERT INTO messages VALUES('demo','shop-1','kiosk-1','0123abcd','hours',4,X'dcf209c22fa1d7d7a0edd7718c6c73b111b9d780036d5bd501721f4af7a2117d','2026-01-02T10:05:00Z');
INSERT INTO messages VALUES('demo','shop-1','kiosk-1','0123abcd','plays',1,X'8b1349982219b51630c1052a7dd0125783b56254452bff882e7cf95231d293e7','2026-01-02T10:05:00Z');
INSERT INTO messages VALUES('demo','shop-1','kiosk-1','0123abcd','plays',2,X'dfe01fb2ba932f97904e1080e2da259426908de60e6d877b3e223d46e9e7032d','2026-01-02T10:05:00Z');
INSERT INTO messages VALUES('demo','shop-1','kiosk-1','0123abcd','plays',3,X'16016440c189e96c9502df2bd57d840f887088abb066f7a0a9434ff63c6685e6','2026-01-02T10:05:00Z');
CREATE TABLE IF NOT EXISTS "streams" (
   "tenant" TEXT,
   "site" TEXT,
   "device" TEXT,
   "epoch" TEXT,
   "stream" TEXT,
   "contiguous" INTEGER,
   "highest" INTEGER,
   PRIMARY KEY ("tenant", "site", "device", "epoch", "stream")
) STRICT;
INSERT INTO streams VALUES('demo','shop-1','kiosk-1','0123abcd','plays',3,3);
INSERT INTO streams VALUES('demo','shop-1','kiosk-1','0123abcd','hours',2,4);
CREATE TABLE IF NOT EXISTS "conflicts" (
   "tenant" TEXT,
   "site" TEXT,
   "device" TEXT,
   "epoch" TEXT,
   "stream" TEXT,
   "seq" INTEGER,
   "sha256" BLOB,
   "payload" BLOB,
   "received" TEXT,
   PRIMARY KEY ("tenant", "site", "device", "epoch", "stream", "seq", "sha256")
) STRICT;
INSERT INTO conflicts VALUES('demo','shop-1','kiosk-1','0123abcd','hours',1,X'1c9512b5bfb0733d1d2a6a3d716722aa1492aa38c9eba6e1b61370b9d20ec675',X'7b22736368656d61223a322c2273747265616d223a22686f757273222c2265706f6368223a223031323361626364222c22736571223a312c22686f7572223a22323032362d30312d30325431303a30303a30305a222c226265747765656e223a6e756c6c2c22706f6c696379223a2266756c6c222c226e6f697365223a226f6666222c22636c616d7073223a7b226477656c6c5f73223a33302c22617474656e74696f6e5f73223a33302c22696d7072657373696f6e73223a347d2c226e6f746963655f73223a302c227461626c6573223a7b22706c617973223a332c226f7473223a39392c227761746368657273223a372c226477656c6c5f73223a36302c22617474656e74696f6e5f73223a34302c22696d7072657373696f6e73223a392c22696d7072657373696f6e735f6167655f67656e646572223a7b2232352d3334223a7b2266656d616c65223a39392c226d616c65223a302c22756e6b6e6f776e223a307d7d2c226167655f67656e646572223a7b2232352d3334223a7b2266656d616c65223a39392c226d616c65223a302c22756e6b6e6f776e223a307d7d2c226d6f6f64223a6e756c6c2c2267726f75705f73697a65223a6e756c6c2c22637265617469766573223a7b22636f66666565223a7b22706c617973223a332c226f7473223a39392c227761746368657273223a372c226477656c6c5f73223a36302c22617474656e74696f6e5f73223a34302c226167655f67656e646572223a7b2232352d3334223a7b2266656d616c65223a39392c226d616c65223a302c22756e6b6e6f776e223a307d7d2c226d6f6f64223a6e756c6c2c2267726f75705f73697a65223a6e756c6c7d7d7d7d','2026-01-02T10:05:00Z');
CREATE TABLE IF NOT EXISTS "hours" (
   "tenant" TEXT,
   "site" TEXT,
   "device" TEXT,
   "epoch" TEXT,
   "seq" INTEGER,
   "hour" TEXT,
   "noise" TEXT,
   "ots" INTEGER,
   "watchers" INTEGER,
   "tables" TEXT, not_before TEXT, not_after TEXT, policy TEXT, notice_s INTEGER,
   PRIMARY KEY ("tenant", "site", "device", "epoch", "seq")
) STRICT;
INSERT INTO hours VALUES('demo','shop-1','kiosk-1','0123abcd',1,'2026-01-02T10:00:00Z','off',12,7,'{"plays":3,"ots":12,"watchers":7,"dwell_s":60,"attention_s":40,"impressions":9,"impressions_age_gender":{"25-34":{"female":12,"male":0,"unknown":0}},"age_gender":{"25-34":{"female":12,"male":0,"unknown":0}},"mood":null,"group_size":null,"creatives":{"coffee":{"plays":3,"ots":12,"watchers":7,"dwell_s":60,"attention_s":40,"age_gender":{"25-34":{"female":12,"male":0,"unknown":0}},"mood":null,"group_size":null}}}',NULL,NULL,'full',0);
INSERT INTO hours VALUES('demo','shop-1','kiosk-1','0123abcd',2,'2026-01-02T10:00:00Z','off',12,7,'{"plays":3,"ots":12,"watchers":7,"dwell_s":60,"attention_s":40,"impressions":9,"impressions_age_gender":{"25-34":{"female":12,"male":0,"unknown":0}},"age_gender":{"25-34":{"female":12,"male":0,"unknown":0}},"mood":null,"group_size":null,"creatives":{"coffee":{"plays":3,"ots":12,"watchers":7,"dwell_s":60,"attention_s":40,"age_gender":{"25-34":{"female":12,"male":0,"unknown":0}},"mood":null,"group_size":null}}}',NULL,NULL,'full',0);
INSERT INTO hours VALUES('demo','shop-1','kiosk-1','0123abcd',4,'2026-01-02T09:00:00Z','off',5,2,'{"ots":5,"watchers":2,"age_gender":{"25-34":{"female":5}},"mood":null,"creatives":{"tea":{"watchers":2,"attention_s":9}}}',NULL,NULL,NULL,NULL);
CREATE TABLE IF NOT EXISTS "plays" (
   "tenant" TEXT,
   "site" TEXT,
   "device" TEXT,
   "play_id" TEXT,
   "creative" TEXT,
   "campaign" TEXT,
   "start" TEXT,
   "duration_s" REAL,
   "completed" INTEGER,
   "presented" INTEGER,
   "epoch" TEXT,
   "seq" INTEGER,
   PRIMARY KEY ("tenant", "site", "device", "play_id")
) STRICT;
INSERT INTO plays VALUES('demo','shop-1','kiosk-1','a','coffee','spring','2026-01-02T10:00:00Z',8.0,1,1,'0123abcd',1);
INSERT INTO plays VALUES('demo','shop-1','kiosk-1','b','coffee','spring','2026-01-02T10:00:00Z',8.0,1,1,'0123abcd',1);
INSERT INTO plays VALUES('demo','shop-1','kiosk-1','c','coffee','spring','2026-01-02T10:00:00Z',8.0,1,1,'0123abcd',3);
CREATE TABLE IF NOT EXISTS "devices" (
   "tenant" TEXT,
   "site" TEXT,
   "device" TEXT,
   "state" TEXT,
   "version" TEXT,
   "since" TEXT,
   "health" TEXT,
   "health_at" TEXT,
   "seen" TEXT,
   PRIMARY KEY ("tenant", "site", "device")
) STRICT;
INSERT INTO devices VALUES('demo','shop-1','kiosk-1','online','1','2026-01-02T10:00:00Z','{"schema":2,"at":"2026-01-02T10:01:00Z","version":"1","uptime_s":5,"vision":null,"screens":1,"outbox_waiting":0,"outbox_unacknowledged":0}','2026-01-02T10:01:00Z','2026-01-02T10:05:00Z');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX "idx_hours_hour"
    ON "hours" ("hour");
CREATE INDEX "idx_plays_start"
    ON "plays" ("start");
COMMIT;
