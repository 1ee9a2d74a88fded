/** One acknowledged update of a product. Times are monotonic milliseconds of the driver. */
export type TrackedUpdate = {
  readonly version: string
  readonly price: number
  readonly sent: number
  /** When the product service had acknowledged it; Infinity when it never did. */
  readonly done: number
}

/** What a checked-out cart showed of one product. */
export type ShownItem = {
  readonly seller: number
  /** A key for the product, unique over all sellers. */
  readonly product: string
  readonly version: string
  readonly price: number
}

/** Updates of each product in the order they were made (one at a time, so there is one order). */
export type UpdateHistory = ReadonlyMap<string, readonly TrackedUpdate[]>

/**
 * Counts replication anomalies: a cart that shows an update of one product of a seller (the pivot) but lacks an earlier
 * update of another product of the same seller. Each update lacking counts 1 a pivot, as in the benchmark's
 * driver (Laigner et al., Online Marketplace), which walks back from the pivot in the seller's list of updates.
 *
 * Two things are made exact here. "Earlier" means acknowledged before the pivot's update was sent, because two
 * updates under way at once have no order; and an item that already shows something newer lacks nothing.
 */
export function countAnomalies(cart: readonly ShownItem[], history: UpdateHistory): number {
  let anomalies = 0
  for (const [, items] of Map.groupBy(cart, ({ seller }) => seller)) {
    if (items.length < 2) continue
    for (const pivot of items) {
      const seen = history
        .get(pivot.product)
        ?.findLast(({ version, price }) => version === pivot.version && price === pivot.price)
      if (!seen) continue
      for (const item of items) if (item !== pivot) anomalies += missing(item, seen, history.get(item.product) ?? [])
    }
  }
  return anomalies
}

/** How many updates of the item's version came before `pivot` and are newer than what the item shows. */
function missing(item: ShownItem, pivot: TrackedUpdate, updates: readonly TrackedUpdate[]): number {
  const shown = updates.findLastIndex(({ version, price }) => version === item.version && price === item.price)
  return updates.filter(({ version, done }, i) => i > shown && version === item.version && done <= pivot.sent).length
}
