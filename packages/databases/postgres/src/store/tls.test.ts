import assert from 'node:assert/strict'
import { chownSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RELAXED, testServer } from '../server.test-support.ts'
import { ask, makeRig } from '../store.test-support.ts'

/** A certificate for 127.0.0.1, made for this test and trusted nowhere else. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgm2jH4QhytDoRoPaM
QZBXbQ53QRI0/qjsiUirNfrCHRWhRANCAAR+Sfau2CICvqykukBnu2j1u1fTnMRa
V/zCL9b/fOXjDyHVrzZV1pGdTL4MBY5ZZkyfwi+6+lpX0MYe4LyqDYWi
-----END PRIVATE KEY-----\n`
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUHkhe86USgH0qt73jUywKthpW4KMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJZHVyZSB0ZXN0MCAXDTI2MTEyMTE3MjkzM1oYDzIxMjYxMDI4
MTcyOTMzWjAUMRIwEAYDVQQDDAlkdXJlIHRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR+Sfau2CICvqykukBnu2j1u1fTnMRaV/zCL9b/fOXjDyHVrzZV1pGd
TL4MBY5ZZkyfwi+6+lpX0MYe4LyqDYWio2QwYjAdBgNVHQ4EFgQUJjG80qsG4Gyq
5/rdv7bklg/T+CowHwYDVR0jBBgwFoAUJjG80qsG4Gyq5/rdv7bklg/T+CowDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IQD9JiW/2gKnKdTj475Xr6FVTDGW3QTt3cGJdb16bWjqDgIgFopkO9XmeinKjVF8
bQ6FMkOrPEapd52HvkaKl008GJQ=
-----END CERTIFICATE-----\n`

test('TLS is spoken where it is asked for, and only with whom the authority knows', { timeout: 60_000 }, async (t) => {
  const server = await testServer({ settings: RELAXED })
  const rig = await makeRig(t, server.url())
  await assert.rejects(rig.open({ tls: { ca: CERTIFICATE } }), {
    code: 'FAILED_PRECONDITION',
    message: /"orders" failed: the server speaks no TLS.*ssl = on/,
  })
  const data = join(server.directory, 'data')
  const { uid, gid } = statSync(data)
  for (const [name, text] of [
    ['server.key', KEY],
    ['server.crt', CERTIFICATE],
  ] as const) {
    writeFileSync(join(data, name), text, { mode: 0o600 })
    if (process.getuid?.() === 0) chownSync(join(data, name), uid, gid)
  }
  await ask(server.url(), 'ALTER SYSTEM SET ssl = on')
  await server.stop()
  await server.start()

  const store = await rig.open({ tls: { ca: CERTIFICATE } })
  await store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
  const sessions = await rig.ask(
    `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '${rig.database}_orders'`,
  )
  assert.deepEqual(sessions, [{ ssl: true }])
  await assert.rejects(rig.open({ tls: true }, 'stock'), {
    code: 'UNAUTHENTICATED',
    message: /certificate is not trusted.*`tls: { ca }`/,
  })
})
