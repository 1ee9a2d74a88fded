import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { record, started, type Answer } from './registry.test-support.ts'

test('copies of a registry on PostgreSQL serve one set of schemas: who races gets one id, and one of two that exclude each other', async (t) => {
  const server = await startServer({ settings: { fsync: 'off' } })
  t.after(() => server.close())
  const store = postgres({ url: server.url() })
  const copies = [await started(t, { store }), await started(t, { store })]
  const register = (subject: string, field: string): Promise<readonly Answer[]> =>
    Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        copies[at % 2]!.ask(`POST /subjects/${subject}/versions`, { schema: record({ name: field, type: 'int' }) }),
      ),
    )
  const answers = (await Promise.all(['a', 'b', 'c'].map((subject) => register(subject, 'x')))).flat()
  assert.deepEqual([...new Set(answers.map(({ status, body }) => `${status} ${(body as { id: number }).id}`))], ['200 1'])
  const raced = await Promise.all([register('d', 'x'), register('d', 'y')])
  assert.deepEqual(
    raced.map((all) => new Set(all.map(({ status }) => status)).size),
    [1, 1],
  )
  assert.deepEqual(raced.map(([one]) => one!.status).toSorted(), [200, 409])
  for (const { ask } of copies) assert.deepEqual((await ask('GET /subjects/a/versions')).body, [1])
  await copies[0]!.stop()
  assert.deepEqual((await copies[1]!.ask('DELETE /subjects/a')).body, [1])
})
