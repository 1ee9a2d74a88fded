/** Doors as a placement: the caller reaches operations through a door of some protocol, as a client of it would. */
import type { CallContext, Transport } from 'dure/call'
import type { ConnectPeer } from 'dure/call/internal'
import type { AnyContract, AnyOperation, Principal } from 'dure/contract'
import { parserOf, wireOf } from 'dure/contract/internal'
import { realRuntime, type Runtime } from 'dure/runtime'
import { start, type Door } from 'dure/service'
import { settler, type Copy, type CopyWorld, type Placement } from './copies.ts'

export type DoorProtocol = {
  readonly name: string
  /** Whether operations like this one are served. */
  readonly carries: (operation: AnyOperation) => boolean
  /** A contract with what the protocol needs of it. */
  readonly prepared?: (contract: AnyContract) => AnyContract
  /** On any free port, and with room for whatever is generated. */
  readonly door: (contracts: readonly AnyContract[]) => Door
  /** The protocol's own caller. */
  readonly peers: (options: {
    readonly contracts: readonly AnyContract[]
    readonly runtime: Runtime
    readonly authorization: (call: Pick<CallContext, 'principal'>) => string | undefined
  }) => ConnectPeer
  /** Whether an input is one, and arrives as it is. What is none goes the direct way, and so is not compared. */
  readonly isSaid: (contract: AnyContract, name: string) => (input: unknown) => boolean
}

/**
 * A placement of which a door is the way in. What its protocol cannot carry goes the direct way, and so is not compared: operations
 * that it does not serve, inputs that it cannot say, a key for a command of a service that could not know it again.
 */
export function throughDoor(protocol: DoorProtocol): Placement {
  return { name: protocol.name, open: (world) => open(protocol, world) }
}

async function open(protocol: DoorProtocol, { system, directory, runtime, log }: CopyWorld): Promise<Copy> {
  // What carries the calls has a runtime of its own, so that ids and chance are left to the services.
  const own = realRuntime()
  const running = await start(system, { directory, runtime, log, shutdownTimeout: 200 })
  const { carries, prepared = (contract) => contract } = protocol
  const contracts = running.contracts
    .filter(({ operations }) => Object.values(operations as Operations).some(carries))
    .map((contract) => prepared(contract))
  try {
    const opened = await protocol
      .door(contracts)
      .open(
        { ...running, authenticate: async ({ header }) => principalIn(header('authorization')) },
        { directory, runtime: own, log },
      )
    const { hostname: host, port } = new URL(opened.url!.replace(/^[a-z]+:/, 'http:'))
    const connect = protocol.peers({ contracts, runtime: own, authorization: ({ principal }) => textOf(principal) })
    const peer = connect({ kind: 'tcp', host, port: Number(port) })
    return {
      transport: joined(protocol, { contracts, direct: running.transport, door: peer, remembers: running.remembers }),
      settle: settler(running, runtime),
      stop: async () => {
        await peer.stop()
        await opened.close({ timeout: 200 })
        await running.stop()
      },
    }
  } catch (error) {
    await running.stop()
    throw error
  }
}

type Operations = Readonly<Record<string, AnyOperation>>

/** Who calls is said as credentials, as doors ask for them. */
const textOf = (principal: Principal | undefined): string | undefined =>
  principal && Buffer.from(JSON.stringify(principal)).toString('base64url')
const principalIn = (text: string | undefined): Principal | undefined =>
  text === undefined ? undefined : (JSON.parse(Buffer.from(text, 'base64url').toString()) as Principal)

function joined(
  { carries, isSaid: saidBy }: DoorProtocol,
  ways: {
    readonly contracts: readonly AnyContract[]
    readonly direct: Transport
    readonly door: Transport
    readonly remembers: (service: string) => boolean
  },
): Transport {
  const { contracts, direct, door, remembers } = ways
  return {
    route: (target) => {
      const near = direct.route(target)
      const contract = contracts.find(({ name }) => name === target.service)
      const operation = (contract?.operations as Operations | undefined)?.[target.operation]
      if (contract === undefined || operation === undefined || !carries(operation)) return near
      const far = door.route(target)
      const isSaid = saidBy(contract, target.operation)
      const forgets = operation.kind === 'command' && !operation.idempotent && !remembers(target.service)
      const choose = (input: unknown, context: CallContext) =>
        isSaid(input) && (context.idempotencyKey === undefined || !forgets) ? far : near
      return {
        call: (input, context) => choose(input, context).call(input, context),
        stream: (input, context, incoming) => choose(input, context).stream(input, context, incoming),
      }
    },
  }
}

/** Whether an input is one. */
export function fits(operation: AnyOperation): (input: unknown) => boolean {
  const parse = parserOf(operation.input, 'input')
  const { check } = wireOf(operation.input, 'input')
  return (input) => {
    if (check(input) !== undefined) return false
    const parsed = parse(input)
    return !(parsed instanceof Promise) && parsed.ok
  }
}
