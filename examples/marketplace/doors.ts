import { join } from 'node:path'
import { control } from '@dure/cli'
import { collector, collectorParts } from '@dure/collector'
import { consoleDoor } from '@dure/console'
import { rest } from '@dure/rest'
import type { Door, Service } from 'dure/service'
import type { MarketplaceFlags } from './flags.ts'

/**
 * Where the marketplace is asked: over HTTP, by the owner of its data directory with `dure dead`, `lag`, `call` and `list`; and by the
 * shop's own clients, with services made for them, when there is to be a gateway; and by who runs it with a browser, in the console, which
 * shows what the collector is told.
 */
export async function doorsOf({
  port,
  host,
  frontends: at,
  keys,
  data,
  'collector-apart': apart,
}: MarketplaceFlags): Promise<{ readonly doors: readonly Door[]; readonly frontends: readonly Service[] }> {
  const seen: readonly Door[] = [...(apart ? [] : [collector({ port: false })]), consoleDoor({ parts: collectorParts })]
  if (at === undefined) return { doors: [rest({ port, host }), control({ parts: collectorParts }), ...seen], frontends: [] }
  const { frontendContracts, frontendDoors, frontends } = await import('./frontends.ts')
  const others = frontendDoors({ port: at, host, keys, accessLog: join(data, 'access.log') })
  return {
    doors: [
      rest({ port, host, contracts: { except: frontendContracts } }),
      control({ parts: collectorParts }),
      ...seen,
      ...others,
    ],
    frontends,
  }
}
