import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { embeddedRegistry } from '../../discovery/discovery.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { quiet } from '../rig.test-support.ts'
import { start, SystemError, type NetworkOptions, type Running } from '../service.ts'
import { Mail, Orders, shop } from './shop.test-support.ts'

/** Hosts: each with a data directory of its own, and one registry for all. */
function hosts(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'dure-hosts-'))
  const running: Running[] = []
  t.after(async () => {
    await Promise.all(running.map((one) => one.stop({ everything: true })))
    rmSync(folder, { recursive: true, force: true })
  })
  const system = () => ({
    ...shop(),
    registry: (world: Parameters<ReturnType<typeof embeddedRegistry>>[0]) =>
      embeddedRegistry()({ ...world, directory: join(folder, 'registry-of-all') }),
  })
  const directoryOf = (part: readonly string[]): string => join(folder, part.join('+'))
  return {
    system,
    directoryOf,
    run: async (network: NetworkOptions, ...part: readonly string[]): Promise<Running> => {
      const options = { directory: directoryOf(part), part, network, log: silentLogger(), shutdownTimeout: 2_000 }
      const one = await start(system(), options)
      running.push(one)
      return one
    },
  }
}

test('parts with a data directory each call each other over TCP, and events go from one to the other', async (t) => {
  const { run, directoryOf } = hosts(t)
  await run({}, 'broker')
  await run({}, 'stock')
  await run({ host: 'localhost' }, 'orders')
  await run({}, 'mail')
  const doors = await run({}, 'doors')
  for (const orderId of ['a', 'b']) await doors.client(Orders).place({ orderId, quantity: 1 })
  await quiet(doors)
  assert.deepEqual((await doors.client(Mail).sent()).toSorted(), ['a', 'b'])
  const registry = await doors.registry()
  const [{ endpoints } = assert.fail()] = registry.instances('stock')
  assert.equal(endpoints['dure']?.kind, 'tcp')
  for (const part of ['broker', 'stock', 'orders', 'mail']) assert.ok(!existsSync(join(directoryOf([part]), 'sockets')), part)
})

test('over TCP without certificates nobody runs the system: dead letters and what is kept are refused, health and numbers told', async (t) => {
  const { run } = hosts(t)
  await run({}, 'broker')
  await run({}, 'stock')
  await run({}, 'orders')
  await run({}, 'mail')
  const doors = await run({}, 'doors')
  const refused = { code: 'UNAUTHENTICATED', message: /"dure:operate"/ }
  await assert.rejects(doors.deadLetters('orders')!.discard({}, 'by a stranger'), refused)
  await assert.rejects(doors.deadLetters('orders')!.list({}), refused)
  await assert.rejects(doors.ask('orders', { kind: 'saga', method: 'list', input: {} }), refused)
  const { services } = await doors.health()
  assert.ok(services.every(({ ready }) => ready))
})

test('who listens beyond its machine has certificates, or says that it needs none', async (t) => {
  const { system, directoryOf } = hosts(t)
  const refused = (network: NetworkOptions, problem: RegExp) =>
    assert.rejects(
      start(system(), { directory: directoryOf(['stock']), part: ['stock'], network, log: silentLogger() }),
      (error) => error instanceof SystemError && problem.test(error.message),
    )
  await refused({ host: '192.0.2.1' }, /listen on "192\.0\.2\.1" without TLS, so that anybody/)
  await refused({ host: '127.0.0.1', advertise: 'stock.example' }, /without TLS/)
  await refused({ host: '0.0.0.0', insecure: true }, /"0\.0\.0\.0", which is no address that others could call/)
  await assert.rejects(start(system(), { directory: directoryOf(['all']), network: {}, log: silentLogger() }), {
    name: 'TypeError',
    message: /"network": all of it runs here/,
  })
})
