import { contract, query } from 'dure/contract'
import { describeThrown } from 'dure/contract/internal'
import { z } from 'zod'
import { operatorPart, type OperatorPart } from '../part.ts'

const Gateway = z.object({
  name: z.string(),
  /** Of the configuration that it uses. */
  version: z.string().optional(),
  refused: z.string().optional().describe('why what was meant to come next was not taken'),
  staleSince: z.number().optional().describe('since when nobody knows whether its routes are still right'),
  routes: z.array(z.object({ name: z.string(), route: z.record(z.string(), z.unknown()) })),
  silent: z.string().optional().describe('why it did not answer'),
})

const Routes = contract('routes', {
  version: '1.0.0',
  owner: 'dure',
  description: 'What gateways send where',
  operations: {
    list: query({ output: z.array(Gateway), description: 'Gateways with their routes, and whether they are up to date' }),
  },
})

/** A gateway, as far as it can be asked. */
export type AskedGateway = {
  readonly name: string
  /** `GatewayStatus` of `@dure/gateway`. */
  readonly status: () => Promise<GatewayReading> | GatewayReading
  /** Routes by their names, as they are written. Default: none are shown. */
  readonly routes?: () => Readonly<Record<string, object>>
}
type GatewayReading = {
  readonly version: string | undefined
  readonly refused?: string | undefined
  readonly staleSince?: number | undefined
}

/**
 * Gateways of a system, for whoever runs it: one in the same process by its routes, one elsewhere by its `GET /status`.
 *
 * @example
 * ```ts
 * import { routesPart } from '@dure/operator'
 *
 * const status = async () => (await (await fetch('http://127.0.0.1:9901/status')).json()) as { version: string }
 * const part = routesPart([{ name: 'gateway', status }]) // control({ parts: [part] })
 * console.log(part.contract.name) // → routes
 * ```
 */
export function routesPart(gateways: readonly AskedGateway[]): OperatorPart {
  return operatorPart({ contract: Routes, answer: () => ({ list: () => Promise.all(gateways.map(shown)) }) })
}

async function shown({ name, status, routes }: AskedGateway): Promise<z.infer<typeof Gateway>> {
  const written = Object.entries(routes?.() ?? {}).map(([of, route]) => ({ name: of, route: plain(route) }))
  try {
    const { version, refused, staleSince } = await status()
    return { name, version, refused, staleSince, routes: written }
  } catch (error) {
    return { name, routes: written, silent: describeThrown(error).message }
  }
}

/** Filters may be functions, which are not shown. */
const plain = (route: object): Record<string, unknown> => JSON.parse(JSON.stringify(route)) as Record<string, unknown>
