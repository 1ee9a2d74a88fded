import { join } from 'node:path'
import { startShop, type Shop } from './shop.ts'
import { runWorkload, type Load, type Run } from './workload.ts'

/** How long and how much. */
export type Scale = {
  readonly seconds: number
  readonly runs: number
  /** Rounds before those that count, at the fixed rate. */
  readonly warmUps: number
  /** Transactions outstanding: what loads one process fully, and what the benchmark's authors used on 64 cores. */
  readonly many: number
  readonly published: number
  /** Transactions due a second where both carry the same load: about half of what the slower one can do. */
  readonly rate: number
  /** As many customers. */
  readonly products: number
  readonly bareSeconds: number
  /** Until memory is looked at after a start. */
  readonly restSeconds: number
}

/** What a part of this benchmark is given. */
export type Part = {
  /** Its own while it runs. */
  readonly directory: string
  readonly scale: Scale
  readonly progress: (line: string) => void
}

export type Placed<Value> = { readonly together: Value; readonly split: Value }

/** The marketplace in one process, and with each service in its own; side by side, so that they meet the same machine. */
export type PlacedShops = {
  readonly shops: Placed<Shop>
  readonly run: (placement: keyof Placed<Shop>, load: Omit<Load, 'seconds'> & { readonly seconds?: number }) => Promise<Run>
}

/** Starts both, lets them be used and stops them. */
export async function withBoth<Result>(
  part: Part,
  options: { readonly name: string; readonly started?: (shop: Shop) => Promise<void> },
  use: (placed: PlacedShops) => Promise<Result>,
): Promise<Result> {
  const { directory, scale, progress } = part
  const open: Shop[] = []
  const start = async (placement: keyof Placed<Shop>): Promise<Shop> => {
    progress(`starting the marketplace ${SAID[placement]} with ${scale.products.toLocaleString('en')} products`)
    const data = join(directory, options.name, placement)
    const shop = await startShop({ data, split: placement === 'split', products: scale.products })
    open.push(shop)
    await options.started?.(shop)
    return shop
  }
  try {
    const shops = { together: await start('together'), split: await start('split') }
    const run: PlacedShops['run'] = (placement, { seconds = scale.seconds, outstanding, rate }) => {
      const what = rate === undefined ? `${outstanding} transactions outstanding` : `${rate} transactions due a second`
      progress(`${SAID[placement]}: workload for ${seconds} s, ${what}`)
      const load = { seconds, outstanding, ...(rate === undefined ? {} : { rate }) }
      return runWorkload({ shop: shops[placement], load, json: join(directory, 'workload.json'), progress })
    }
    return await use({ shops, run })
  } finally {
    for (const shop of open) await shop.stop()
  }
}

const SAID: Placed<string> = { together: 'in one process', split: 'split' }
