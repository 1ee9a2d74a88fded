/** What Spring Cloud Config's client makes of our server, our client of Spring's server, and both servers of the same requests: one line a check. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfigSource } from 'dure/config'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { until } from './config-server.test-support.ts'
import { gitRepository } from './repositories/git.ts'
import { ask, meaning, recorded, type Answer } from './spring-answers.test-support.ts'
import { springConfig } from './spring-config.ts'
import { springApplication, springServer, type Program } from './spring-programs.test-support.ts'
import { commitFiles, DIFFERENCES, git, makeSpringRepository, workingCopy } from './spring-repository.test-support.ts'
import { startConfigServer } from './started.ts'

const [jar = '', record] = process.argv.slice(2)
const RECORDED = join(import.meta.dirname, 'spring-answers.json')
const folder = mkdtempSync(join(tmpdir(), 'dure-config-peers-'))
const [bare, working] = [join(folder, 'settings.git'), join(folder, 'working')]
mkdirSync(bare)
const { commit } = makeSpringRepository(bare)
workingCopy(bare, working)
const programs: Program[] = []
/** A machine may be slow: how long Spring takes is not what is looked at. */
const patient = { timeout: 120_000 }
const world = { directory: folder, runtime: realRuntime(), log: silentLogger() }

let failed = false
async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}
async function running(program: Promise<Program>): Promise<Program> {
  const begun = await program
  programs.push(begun)
  return begun
}
const valueOf = async (source: ConfigSource, key: string): Promise<unknown> =>
  (await source.read()).layers.find(({ values }) => values.has(key))?.values.get(key)?.value
const text = async (url: string, path: string): Promise<string> => (await ask(url, path, '*/*')).text

const credentials = [{ user: 'spring', password: 'p4ss' }]
const encryptKey = 's3cret'
const open = () =>
  startConfigServer({ repository: gitRepository({ url: bare }), directory: join(folder, 'ours'), port: 0, log: silentLogger() })
const ours = await open()
const guarded = await startConfigServer({
  ...{ repository: gitRepository({ url: bare }), directory: join(folder, 'guarded'), port: 0, log: silentLogger() },
  ...{ credentials, encryptKey },
})

try {
  const spring = await running(springServer(jar, working, [`--encrypt.key=${encryptKey}`]))
  await check('both servers on one repository', async () => {
    const theirs = await recorded(spring.url, `file://${working}`, commit)
    const own = await recorded(ours.url, bare, commit)
    // What the test compares with: written anew by `--record`.
    if (record === '--record') writeFileSync(RECORDED, `${JSON.stringify(theirs, undefined, 1)}\n`)
    const before = JSON.parse(readFileSync(RECORDED, 'utf8')) as readonly Answer[]
    for (const answer of theirs) {
      const known = before.find(({ path, accept }) => path === answer.path && accept === answer.accept)
      assert.deepEqual(meaning(answer), known && meaning(known), `${answer.path} ${answer.accept} is not as it was recorded`)
    }
    let alike = 0
    for (const [at, answer] of own.entries()) {
      if (DIFFERENCES.some(({ path }) => path === answer.path)) continue
      assert.deepEqual(meaning(answer), meaning(theirs[at]!), `${answer.path} ${answer.accept}`)
      alike++
    }
    return `${alike} requests are answered alike; ${own.length - alike} in ways that are known, of ${DIFFERENCES.length} kinds`
  })
  await check("our source on Spring's server", async () => {
    const source = await springConfig({
      url: spring.url,
      application: 'app',
      profiles: ['prod', 'eu'],
      interval: 100,
      ...patient,
    })(world)
    try {
      const { revision } = await source.read()
      assert.equal(revision, commit)
      const found = await Promise.all(
        ['greeting', 'db.url', 'db.pool', 'servers[0]', 'shared.over'].map((key) => valueOf(source, key)),
      )
      assert.deepEqual(found, ['hi-eu', 'jdbc:prod', 10, 'only', 'application-prod'])
      let told = 0
      const watching = source.watch(() => void told++)
      // Spring works in a copy of this repository, and resets it to what stands here.
      const who = ['-c', 'user.name=a', '-c', 'user.email=a@b'] as const
      const next = git(bare, [...who, 'commit-tree', '-p', commit, '-m', 'next', `${commit}^{tree}`]).trim()
      git(bare, ['update-ref', 'refs/heads/main', next])
      await until('the new commit is told', async () => told > 0 && (await source.read()).revision !== commit)
      watching.stop()
      const broken = await springConfig({ url: spring.url, application: 'cipher', ...patient })(world)
      await assert.rejects(broken.read(), /secret: the server could not decrypt it/)
      await broken.stop()
      return 'reads values, lists and the commit, is told of the next commit, and refuses "invalid.secret": "<n/a>"'
    } finally {
      await source.stop()
    }
  })
  await check('what Spring encrypts', async () => {
    const answer = await fetch(`${spring.url}/encrypt`, {
      method: 'POST',
      body: '두레 & "secret"',
      headers: { 'content-type': 'text/plain' },
    })
    const cipher = await answer.text()
    commitFiles(bare, 'ciphers', { 'app.yml': `db:\n  password: "{cipher}${cipher}"\n` })
    const [authorization] = [`Basic ${Buffer.from('spring:p4ss').toString('base64')}`]
    const said = await fetch(`${guarded.url}/app/default/ciphers`, { headers: { authorization } })
    const { propertySources } = (await said.json()) as { readonly propertySources: readonly { readonly source: object }[] }
    assert.deepEqual(propertySources[0]!.source, { 'db.password': '두레 & "secret"' })
    assert.equal((await ask(ours.url, '/app/default/ciphers')).status, 500)
    return 'is decrypted by our server with the same key, and fails the request without it'
  })
  await spring.stop()

  const at = guarded.url.replace('//', '//spring:p4ss@')
  const application = await running(
    springApplication(jar, at, [
      '--spring.profiles.active=prod',
      '--spring.cloud.config.label=live',
      '--spring.cloud.config.fail-fast=true',
    ]),
  ).catch((error: unknown) => error as Error)
  await check("Spring's client that asks for a label that is not there", async () => {
    assert.ok(application instanceof Error, 'it started')
    assert.match(application.message, /None of labels \[live\] found/)
    return 'does not start, with our 404'
  })
  await check("Spring's client on our server", async () => {
    const live = (greeting: string): string =>
      commitFiles(bare, 'live', {
        'application.yml': 'shared: all\n',
        'app.yml': `greeting: ${greeting}\nlist: [a, b]\n`,
        'app-prod.yml': 'port: 1234\n',
      })
    live('first')
    const app = await running(
      springApplication(jar, at, [
        '--spring.profiles.active=prod',
        '--spring.cloud.config.label=live',
        '--spring.cloud.config.fail-fast=true',
      ]),
    )
    const property = (key: string): Promise<string> => text(app.url, `/property?key=${encodeURIComponent(key)}`)
    assert.deepEqual(
      [await text(app.url, '/greeting'), await property('shared'), await property('list[1]'), await property('port')],
      ['first', 'all', 'b', '1234'],
    )
    live('second')
    assert.equal(await text(app.url, '/greeting'), 'first')
    const refreshed = await fetch(`${app.url}/actuator/refresh`, { method: 'POST' })
    const keys = (await refreshed.json()) as readonly string[]
    assert.ok(keys.includes('greeting'), JSON.stringify(keys))
    assert.equal(await text(app.url, '/greeting'), 'second')
    commitFiles(bare, 'live', { 'app.yml': 'greeting: "{cipher}00"\n' })
    const refused = await fetch(`${app.url}/actuator/refresh`, { method: 'POST' })
    assert.equal(await text(app.url, '/greeting'), 'second')
    return `gets its settings by application, profile, label and password; /actuator/refresh changed ${keys.filter((key) => !key.startsWith('config.')).join(', ')}; a value that cannot be decrypted leaves what it had (${refused.status})`
  })
} finally {
  for (const program of programs) await program.stop()
  await ours.stop()
  await guarded.stop()
  rmSync(folder, { recursive: true, force: true })
}
if (failed) process.exitCode = 1
