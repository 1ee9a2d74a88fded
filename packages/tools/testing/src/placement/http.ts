import { isDeepStrictEqual } from 'node:util'
import { rest } from '@dure/rest'
import { httpPeers, requestWriter } from '@dure/rest/internal'
import type { CallContext, Transport } from 'dure/call'
import type { AnyContract, AnyOperation, Principal } from 'dure/contract'
import { parserOf, routesOf, wireOf } from 'dure/contract/internal'
import { realRuntime } from 'dure/runtime'
import { start } from 'dure/service'
import { settler, type Copy, type CopyWorld, type Placement } from './copies.ts'

/**
 * The caller reaches operations that have a route through a door of HTTP, by that route. What HTTP cannot carry goes the direct way,
 * and so is not compared: operations without a route, inputs that are refused or that a URL or JSON cannot say (`-0`, an empty part of a path), a key
 * for a command of a service that could not know it again.
 */
export const overHttp: Placement = { name: 'over HTTP', open }

async function open({ system, directory, runtime, log }: CopyWorld): Promise<Copy> {
  // What carries the calls has a runtime of its own, so that ids and chance are left to the services.
  const own = realRuntime()
  const running = await start(system, { directory, runtime, log, shutdownTimeout: 200 })
  const contracts = running.contracts.filter(({ operations }) => Object.values(operations as Operations).some(isMapped))
  const door = rest({
    ...{ port: 0, pages: false, announce: false, contracts, unknownFields: 'drop' },
    limits: { deadline: 86_400_000, body: 64 * 1_048_576, requests: 10_000 },
  })
  try {
    const opened = await door.open(
      { ...running, authenticate: async ({ header }) => principalIn(header('authorization')) },
      {
        ...{ directory, runtime: own, log },
      },
    )
    const { hostname: host, port } = new URL(opened.url!)
    const peer = httpPeers({ contracts, runtime: own, authorization: ({ principal }) => textOf(principal) })({
      ...{ kind: 'tcp', host, port: Number(port) },
    })
    return {
      transport: joined(contracts, running.transport, peer, running.remembers),
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

const isMapped = ({ bindings }: AnyOperation): boolean => bindings.http !== undefined

/** Who calls is said as credentials, as doors ask for them. */
const textOf = (principal: Principal | undefined): string | undefined =>
  principal && Buffer.from(JSON.stringify(principal)).toString('base64url')
const principalIn = (text: string | undefined): Principal | undefined =>
  text === undefined ? undefined : (JSON.parse(Buffer.from(text, 'base64url').toString()) as Principal)

function joined(
  contracts: readonly AnyContract[],
  direct: Transport,
  overHttp: Transport,
  remembers: (service: string) => boolean,
): Transport {
  return {
    route: (target) => {
      const near = direct.route(target)
      const operations = contracts.find(({ name }) => name === target.service)?.operations as Operations | undefined
      const operation = operations?.[target.operation]
      if (operation === undefined || !isMapped(operation)) return near
      const far = overHttp.route(target)
      const isSaid = saidOverHttp(operation)
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

/** Whether an input is one, and arrives as it is. */
function saidOverHttp(operation: AnyOperation): (input: unknown) => boolean {
  const parse = parserOf(operation.input, 'input')
  const { check, toJson, fromJson } = wireOf(operation.input, 'input')
  const write = requestWriter(operation, routesOf(operation.bindings.http)[0]!)
  return (input) => {
    if (check(input) !== undefined) return false
    const parsed = parse(input)
    if (parsed instanceof Promise || !parsed.ok) return false
    const json = JSON.stringify(toJson(input))
    return isDeepStrictEqual(json === undefined ? undefined : fromJson(JSON.parse(json)), input) && write(input).ok
  }
}
