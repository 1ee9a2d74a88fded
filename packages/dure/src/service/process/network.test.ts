import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { clientFactory } from '../../call/internal.ts'
import { embeddedRegistry } from '../../discovery/discovery.ts'
import { ownCertificates } from '../../identity/identity.ts'
import { realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { releaseKeys } from '../release.ts'
import { quiet, Stock } from '../rig.test-support.ts'
import { start, SystemError, type Allow, type NetworkOptions, type Running } from '../service.ts'
import { Mail, Orders, shop } from './shop.test-support.ts'

/** Hosts: each with a data directory of its own, and one registry for all. */
function hosts(t: TestContext, allow?: Allow) {
  const folder = mkdtempSync(join(tmpdir(), 'dure-hosts-'))
  const running: Running[] = []
  t.after(async () => {
    await Promise.all(running.map((one) => one.stop({ everything: true })))
    rmSync(folder, { recursive: true, force: true })
  })
  const system = () => ({
    ...shop(),
    allow,
    registry: (world: Parameters<ReturnType<typeof embeddedRegistry>>[0]) =>
      embeddedRegistry()({ ...world, directory: join(folder, 'registry-of-all') }),
  })
  const directoryOf = (part: readonly string[]): string => join(folder, part.join('+'))
  // As if each host had been signed for: the tests of authorities do it in full.
  const tls = ownCertificates({ directory: join(folder, 'authority-of-all') })
  return {
    system,
    tls,
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
  const { run, directoryOf, tls } = hosts(t)
  await run({ tls }, 'broker')
  await run({ tls }, 'stock')
  await run({ tls, host: 'localhost' }, 'orders')
  await run({ tls }, 'mail')
  const doors = await run({ tls }, 'doors')
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
  await run({}, 'broker', 'stock', 'orders', 'mail')
  const doors = await run({}, 'doors')
  const refused = { code: 'UNAUTHENTICATED', message: /"dure:operate"/ }
  await assert.rejects(doors.deadLetters('orders')!.discard({}, 'by a stranger'), refused)
  await assert.rejects(doors.deadLetters('orders')!.list({}), refused)
  await assert.rejects(doors.ask('orders', { kind: 'saga', method: 'list', input: {} }), refused)
  await assert.rejects(doors.forget({ topic: 'orders', group: 'mail', why: 'a stranger' } as never), refused)
  const { transport } = doors
  await assert.rejects(
    releaseKeys({ service: 'orders', transport, runtime: realRuntime() }, [{ operation: 'place', key: 'k' }]),
    refused,
  )
  const { services } = await doors.health()
  assert.ok(services.every(({ ready }) => ready))
})

test('a part over plain TCP that would use the broker of another is told so, and not started', async (t) => {
  const { run } = hosts(t)
  await assert.rejects(
    run({}, 'mail'),
    /Service "mail" uses the broker of another process, which believes nobody without certificates/,
  )
})

const allow = { orders: ['doors'], stock: ['orders'], mail: ['doors'] }

test('who may call whom holds between hosts by their certificates, also when a service moves', async (t) => {
  const { run, tls } = hosts(t, allow)
  await run({ tls }, 'broker')
  const stock = await run({ tls }, 'stock')
  const orders = await run({ tls }, 'orders')
  const mail = await run({ tls }, 'mail')
  const doors = await run({ tls }, 'doors')
  await doors.client(Orders).place({ orderId: 'a', quantity: 1 })
  const refused = (words: RegExp) => ({ code: 'PERMISSION_DENIED', message: words })
  await assert.rejects(
    doors.client(Stock).reserve({ quantity: 1 }),
    refused(/a caller at its doors may not call service "stock"/),
  )
  // Whoever opens no doors is not taken for one, and nobody for another.
  await assert.rejects(mail.client(Stock).reserve({ quantity: 1 }), refused(/service "mail" may not call service "stock"/))
  const { transport } = mail
  const lying = clientFactory({ contract: Stock, transport, runtime: realRuntime() })({ service: 'orders' })
  await assert.rejects(lying.reserve({ quantity: 1 }), refused(/says that it is "orders", and its certificate is of "mail"/))
  await mail.place('stock', 'in')
  await stock.place('stock', 'out')
  await doors.client(Orders).place({ orderId: 'b', quantity: 1 })
  await quiet(doors)
  assert.deepEqual((await doors.client(Mail).sent()).toSorted(), ['a', 'b'])
  assert.ok((await orders.health()).services.every(({ ready }) => ready))
})

test('a system that says who may call whom needs certificates to tell', async (t) => {
  const { run } = hosts(t, allow)
  await assert.rejects(
    run({}, 'stock'),
    /says in "allow" who may call whom, and without certificates a caller is whoever it says/,
  )
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
