import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientFactory } from 'dure/call/internal'
import { transportConformance } from 'dure/call/conformance'
import type { AnyContract, AnyOperation } from 'dure/contract'
import type { DoorHost } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { rest } from '../rest.ts'
import { hostOf } from '../rest.test-support.ts'
import { httpPeers } from './client.ts'

type Clients = Readonly<Record<string, (...given: readonly unknown[]) => Promise<unknown>>>

/** What goes otherwise over HTTP, and why. */
const CANNOT: readonly (readonly [beginning: string, why: string])[] = [
  [
    'values come back as they went',
    'bodies with the key `__proto__` are refused by doors; what they carry is in request.test.ts',
  ],
  ['on whose behalf', 'a door asks for credentials, and takes nobody at their word'],
  ['errors keep their codes and fields', 'problem documents have no details beyond issues; the rest of it is in call.test.ts'],
  ['what goes with a call arrives with it', 'who calls is not said to doors, and correlation ids are ASCII; see call.test.ts'],
  ['nobody waits past the deadline', 'the end of its connection may reach a handler before its deadline does; see call.test.ts'],
  ['a stream keeps its order, and a producer', 'the window is that of TCP; see lines.test.ts'],
  ['a producer runs ahead of a slow consumer', 'the window is that of TCP; see lines.test.ts'],
  ['what does not run is UNAVAILABLE', 'what has no route cannot be asked for'],
  ['a channel ', 'HTTP has no channels'],
  ['whoever sends runs ahead', 'HTTP has no channels'],
  ['a value that does not match its contract ends a channel', 'HTTP has no channels'],
  ['nothing stays behind a call', 'thousands of requests each; see call.test.ts'],
]

/** The same, with a route for each operation. */
function mapped(contract: AnyContract): AnyContract {
  const operations = Object.entries(contract.operations as Readonly<Record<string, AnyOperation>>).map(([name, operation]) => {
    const status = operation.output === undefined ? 204 : 200
    return [name, { ...operation, bindings: { http: { routes: [`POST /${name}`], status } } }] as const
  })
  return { ...contract, operations: Object.fromEntries(operations) }
}

/** Over HTTP to a door, which calls as a door does. */
transportConformance(
  'http',
  async (local, runtime, definition) => {
    const contract = mapped(definition)
    const ask: DoorHost['call'] = (_service, operation, input, { principal, metadata, ...options }) =>
      (clientFactory({ contract, transport: local, runtime })({ service: undefined, principal, metadata }) as unknown as Clients)[
        operation
      ]!(input, options)
    const world = { directory: mkdtempSync(join(tmpdir(), 'dure-http-')), runtime, log: silentLogger() }
    const door = await rest({ port: 0, limits: { requests: 10_000, body: 8_000_000 } }).open(
      hostOf({ contracts: [contract], call: async (...given) => ask(...given), stream: ask as unknown as DoorHost['stream'] }),
      world,
    )
    const { hostname: host, port } = new URL(door.url!)
    const peer = httpPeers({ contracts: [contract], runtime, limits: { connections: 2_000 } })({
      kind: 'tcp',
      host,
      port: Number(port),
    })
    return {
      transport: peer,
      pending: peer.pending,
      stop: async () => {
        await peer.stop()
        await door.close({ timeout: 0 })
      },
    }
  },
  (title) => CANNOT.find(([beginning]) => title.startsWith(beginning))?.[1],
)
