import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { freePort } from '@dure/testing/servers'
import type { Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { eurekaRegistry } from './eureka.ts'
import { registrar, type Registrar } from './registrar.ts'
import { started, temporary, until } from './registry.test-support.ts'

/** A program that answers what its standard says: well, ill when it is told, ended when it is told. */
const LEGACY = `
  let status = 503
  const server = require('node:http').createServer((request, response) => {
    if (request.url === '/well') status = 200
    if (request.url === '/ill') status = 503
    if (request.url === '/end') setTimeout(() => process.exit(7), 10)
    response.writeHead(request.url === '/health' ? status : 200).end()
  })
  process.on('SIGTERM', () => (process.env.STUBBORN === undefined ? process.exit(0) : undefined))
  server.listen(Number(process.env.PORT), '127.0.0.1')`

async function legacy(t: TestContext, { stubborn = false }: { readonly stubborn?: boolean } = {}) {
  const { url } = await started(t)
  const world = { directory: temporary(t), runtime: realRuntime(), log: silentLogger() }
  const there = await eurekaRegistry({ url })(world)
  t.after(() => there.stop())
  const port = await freePort()
  const at = `http://127.0.0.1:${port}`
  const registry = await eurekaRegistry({ url, grace: 10 })(world)
  t.after(() => registry.stop())
  const running: Registrar = await registrar({
    registry,
    instance: {
      service: 'legacy',
      version: '1.0.0',
      endpoints: { http: { kind: 'tcp', host: '127.0.0.1', port } },
      metadata: {},
    },
    program: [process.execPath, '-e', LEGACY],
    health: { url: `${at}/health`, interval: 20, failures: 2 },
    env: { ...process.env, PORT: String(port), ...(stubborn && { STUBBORN: '' }) },
    ...{ runtime: world.runtime, log: world.log },
  })
  t.after(() => running.stop({ timeout: 0 }))
  const say = (what: string): Promise<unknown> =>
    until(`it hears ${what}`, () =>
      fetch(`${at}/${what}`).then(
        () => true,
        () => false,
      ),
    )
  return { running, there, say }
}

const status = (registry: Registry): string | undefined => registry.instances('legacy')[0]?.status

test('a program that knows no registry is registered for as long as it runs, and taken for what its health says', async (t) => {
  const { running, there, say } = await legacy(t)
  await until('it starts', () => status(there) === 'starting')
  await say('well')
  await until('it is up', () => status(there) === 'up')
  await say('ill')
  await until('it is down', () => status(there) === 'down')
  await say('well')
  await until('it is up again', () => status(there) === 'up')
  await say('end')
  assert.deepEqual(await running.ended, { code: 7, signal: null })
  await until('it is gone', () => status(there) === undefined)
})

test('a program that is killed is taken out at once; one that is frozen is down', async (t) => {
  const { running, there, say } = await legacy(t)
  await say('well')
  await until('it is up', () => status(there) === 'up')
  process.kill(running.pid, 'SIGSTOP')
  await until('it is down', () => status(there) === 'down')
  process.kill(running.pid, 'SIGCONT')
  await until('it is up again', () => status(there) === 'up')
  process.kill(running.pid, 'SIGKILL')
  assert.deepEqual(await running.ended, { code: null, signal: 'SIGKILL' })
  await until('it is gone', () => status(there) === undefined)
})

test('stopped, it drains first; a program that does not end is killed', async (t) => {
  for (const stubborn of [false, true]) {
    const { running, there, say } = await legacy(t, { stubborn })
    await say('well')
    await until('it is up', () => status(there) === 'up')
    const heard: (string | undefined)[] = []
    there.watch('legacy', (now) => heard.push(now[0]?.status))
    await running.stop({ timeout: 1_000 })
    assert.equal((await running.ended).signal, stubborn ? 'SIGKILL' : null)
    await until('it is gone', () => status(there) === undefined)
    assert.deepEqual(
      heard.filter((each) => each !== 'up'),
      ['draining', undefined],
    )
  }
})

test('what cannot be started, or registered, does not run', async (t) => {
  const { url, stop } = await started(t)
  const world = { directory: temporary(t), runtime: realRuntime(), log: silentLogger() }
  const instance = { service: 'legacy', version: '1.0.0', endpoints: {}, metadata: {} }
  const open = (): Promise<Registry> | Registry => eurekaRegistry({ url, registerTimeout: 100 })(world)
  const first = await open()
  t.after(() => first.stop())
  const wrong = registrar({ registry: first, instance, program: ['/nowhere/at-all'], ...world })
  await assert.rejects(wrong, /^Error: Cannot start "\/nowhere\/at-all": .*ENOENT/)
  await stop()
  const second = await open()
  const program = [process.execPath, '-e', LEGACY] as const
  await assert.rejects(registrar({ registry: second, instance, program, ...world }), /Cannot register "legacy"/)
})
