import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeSqlite } from 'dure/runtime/internal'
import { started, temporary } from '../config-server.test-support.ts'
import { ask } from '../spring-answers.test-support.ts'
import { sqliteRepository } from './sqlite.ts'

test('rows are settings in the order of files; a transaction of somebody else changes them at once, and the version', async (t) => {
  const file = join(temporary(t), 'settings.db')
  const { url } = await started(t, { repository: sqliteRepository(file) })
  const { DatabaseSync } = nodeSqlite()
  const rows = new DatabaseSync(file)
  t.after(() => rows.close())
  rows.exec(`INSERT INTO properties (application, profile, label, "key", value) VALUES
    ('application', '', 'main', 'from', 'all'), ('app', '', 'main', 'from', 'app'), ('my-app', 'prod', 'main', 'from', 'my'),
    ('app', 'prod', 'main', 'from', 'prod'), ('app', 'prod', 'main', 'list[0]', '두레''s'), ('app', '', 'next', 'from', 'next')`)
  type Said = {
    readonly version: string
    readonly propertySources: readonly { readonly name: string; readonly source: object }[]
  }
  const asked = async (path: string): Promise<Said> => JSON.parse((await ask(url, path)).text) as Said
  const { version, propertySources } = await asked('/app/prod')
  assert.deepEqual(propertySources, [
    { name: 'app-prod', source: { from: 'prod', 'list[0]': "두레's" } },
    { name: 'app', source: { from: 'app' } },
    { name: 'application', source: { from: 'all' } },
  ])
  assert.deepEqual(
    (await asked('/my-app/prod')).propertySources.map(({ name }) => name),
    ['my-app-prod', 'application'],
  )
  assert.deepEqual(
    (await asked('/app/default/next')).propertySources.map(({ source }) => source),
    [{ from: 'next' }],
  )
  assert.equal((await ask(url, '/app/default/none')).status, 404)
  rows.exec('BEGIN')
  rows.exec(`UPDATE properties SET value = 'half' WHERE "key" = 'from'`)
  assert.equal((await asked('/app/prod')).version, version)
  rows.exec('COMMIT')
  const changed = await asked('/app/prod')
  assert.notEqual(changed.version, version)
  assert.equal((changed.propertySources[0]!.source as { readonly from: string }).from, 'half')
  for (const name of [`x' OR '1'='1`, '%27', '--'])
    assert.ok([200, 400].includes((await ask(url, `/${encodeURIComponent(name)}/default`)).status))
})
