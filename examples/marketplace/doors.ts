import { control } from '@dure/cli'
import { rest } from '@dure/rest'
import type { Door } from 'dure/service'
import type { MarketplaceFlags } from './flags.ts'

/** Where the marketplace is asked: over HTTP, and by the owner of its data directory with `dure dead`, `lag`, `call` and `list`. */
export function doorsOf({ port, host }: MarketplaceFlags): readonly Door[] {
  return [rest({ port, host }), control()]
}
