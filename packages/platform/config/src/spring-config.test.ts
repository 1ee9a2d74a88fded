import assert from 'node:assert/strict'
import { once } from 'node:events'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { configSourceConformance } from 'dure/config/conformance'
import type { ConfigError, ConfigSource } from 'dure/config'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { started, temporary, until } from './config-server.test-support.ts'
import { folderRepository } from './repositories/folder.ts'
import { springConfig, type SpringConfigOptions } from './spring-config.ts'
import { startConfigServer } from './started.ts'

const world = { directory: '.', runtime: realRuntime(), log: silentLogger() }

configSourceConformance('a configuration server', async (values) => {
  const ends: (() => unknown)[] = []
  const folder = temporary({ after: (end: unknown) => void ends.push(end as () => unknown) } as never, 'settings')
  const set = async (next: Readonly<Record<string, string>>): Promise<void> => {
    const escaped = (text: string): string => text.replaceAll(/[\\:=#! ]/g, String.raw`\$&`)
    const lines = Object.entries(next).map(([key, value]) => `${escaped(key)}=${escaped(value)}\n`)
    // Made beside it and renamed: nobody sees a half.
    writeFileSync(join(folder, '.next'), lines.join(''))
    renameSync(join(folder, '.next'), join(folder, 'app.properties'))
  }
  await set(values)
  const options = { repository: folderRepository(folder), directory: folder, log: silentLogger() }
  let server: Awaited<ReturnType<typeof startConfigServer>> | undefined = await startConfigServer({ ...options, port: 0 })
  const { url } = server
  return {
    open: async () => springConfig({ url, application: 'app', interval: 20 })(world),
    set,
    away: async (on) => {
      if (on) {
        await server?.stop()
        server = undefined
      } else server = await startConfigServer({ ...options, port: Number(new URL(url).port) })
    },
    close: async () => {
      await server?.stop()
      for (const end of ends) await end()
    },
  }
})

/** Answers this, whoever asks. */
async function answering(t: TestContext, answer: { status?: number; text: string; hang?: boolean }): Promise<string> {
  const server = createServer((_request, response) => {
    if (answer.hang !== true) response.writeHead(answer.status ?? 200).end(answer.text)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function opened(t: TestContext, options: SpringConfigOptions): Promise<ConfigSource> {
  const source = await springConfig(options)(world)
  t.after(() => source.stop())
  return source
}

const environment = (source: unknown): string =>
  JSON.stringify({ name: 'app', version: 'c0ffee', propertySources: [{ name: 'app.yml', source }] })

test('a value that Spring could not decrypt fails the reading, and so does one that is still encrypted; with the key it is a secret', async (t) => {
  const answer = { text: '' }
  const url = await answering(t, answer)
  const source = await opened(t, { url, application: 'app' })
  answer.text = environment({ 'a.b': { value: 1, origin: '2:5' }, 'invalid.db.password': '<n/a>' })
  await assert.rejects(source.read(), {
    name: 'ConfigError',
    away: false,
    problems: [{ from: 'app.yml', key: 'db.password', why: 'the server could not decrypt it; look at its key' }],
  })
  // It was reached: what it says is refused, and that is said elsewhere.
  assert.equal(source.freshness().state, 'fresh')
  const cipher = '{cipher}1214aff341775ccda8a18798da3265059eb9fefb5a496e144f42602cab46c031'
  answer.text = environment({ 'db.password': { value: cipher, origin: '7:3' } })
  await assert.rejects(source.read(), /app\.yml:7: db\.password: it is encrypted, and no key was given/)
  const knowing = await opened(t, { url, application: 'app', encryptKey: 's3cret' })
  const { layers, revision } = await knowing.read()
  const secret = { value: 'mysecret 두레', secret: true, from: 'app.yml', line: 7, revision: 'c0ffee' }
  assert.deepEqual([layers[0]?.values.get('db.password'), revision], [secret, 'c0ffee'])
})

test('what is no answer of a configuration server is refused, and who gives none at all is said to be away', async (t) => {
  const answer = { text: '' } as { status?: number; text: string; hang?: boolean }
  const url = await answering(t, answer)
  const source = await opened(t, { url, application: 'app', timeout: 30_000 })
  const cases: readonly (readonly [text: string, why: RegExp, status?: number])[] = [
    ['', /no configuration server/],
    ['null', /no configuration server/],
    ['[]', /no configuration server/],
    ['<html>', /no configuration server/],
    ['{"propertySources":{}}', /no configuration server/],
    ['{"propertySources":[null]}', /without a name or values/],
    ['{"propertySources":[{"name":"a"}]}', /without a name or values/],
    [environment({ a: { b: 1 } }), /app\.yml: a: it is neither a text/],
    [environment({ a: [1] }), /app\.yml: a: it is neither a text/],
    [JSON.stringify({ message: 'app.yml:1: no' }), /it answered 500: app\.yml:1: no/, 500],
    ['', /it answered 404/, 404],
    ['', /it answered 401/, 401],
    ['x'.repeat(20_000_000), /larger|longer|more than|bytes/],
  ]
  for (const [text, why, status = 200] of cases) {
    answer.text = text
    answer.status = status
    await assert.rejects(source.read(), (error: ConfigError) => {
      assert.match(error.message, why)
      assert.equal(source.freshness().state, error.away ? 'stale' : 'fresh')
      return true
    })
  }
  answer.text = environment({})
  answer.status = 200
  assert.deepEqual((await source.read()).layers[0]?.values.size, 0)
  assert.deepEqual(source.freshness(), { state: 'fresh' })
  answer.hang = true
  const impatient = await opened(t, { url, application: 'app', timeout: 50 })
  await assert.rejects(impatient.read(), /it did not answer within 50 ms/)
  await assert.rejects(impatient.read(), { away: true })
})

test('applications, profiles, a label with slashes and a password are asked for as Spring’s client asks, and said without the password', async (t) => {
  const folder = temporary(t, 'settings')
  writeFileSync(join(folder, 'one-eu.yml'), 'a: 1')
  const credentials = [{ user: 'me', password: 'p@ss/word' }]
  const { url } = await started(t, { repository: folderRepository(folder), credentials })
  const inside = url.replace('//', `//me:${encodeURIComponent('p@ss/word')}@`)
  const source = await opened(t, { url: inside, application: 'one,two', profiles: ['eu', 'prod'], label: 'team/x', interval: 20 })
  assert.deepEqual(
    (await source.read()).layers.map(({ values }) => values.get('a')?.value),
    [1],
  )
  assert.ok(!source.name.includes('p@ss') && !source.name.includes('p%40ss'), source.name)
  const token = await opened(t, { url, application: 'one', authorization: () => 'Basic wrong' })
  await assert.rejects(token.read(), /it answered 401: Cannot let you in/)
  let told = 0
  const watching = source.watch(() => void told++)
  rmSync(join(folder, 'one-eu.yml'))
  await until('it is told', () => told > 0)
  watching.stop()
  assert.throws(() => springConfig({ url: 'config', application: 'a' }), /begins with "http/)
  assert.throws(() => springConfig({ url, application: 'a', interval: 0 }), /"interval" is 0/)
})
