import type { Kysely, RawBuilder } from 'dure/data'

/** Values, and lists and records of them. Of lists at most one varies in length. */
export type Values = string | number | bigint | Uint8Array | null | readonly Values[] | { readonly [name: string]: Values }

type Compiled<Row> = ReturnType<RawBuilder<Row>['compile']>
type Buildable<Tables, Row> = { readonly compile: (db: Kysely<Tables>) => Compiled<Row> }
type Answer<Row> = { readonly rows: Row[]; readonly changed: number }

/**
 * A query that is built and compiled once, then run with other values: building one costs several times what running
 * it does. The shape of the values (their number and order) must be the same for the same query; for each length of a
 * list it is compiled once more.
 */
export function prepared<Tables, Input extends Values, Row>(
  build: (db: Kysely<Tables>, values: Input) => Buildable<Tables, Row>,
): (db: Kysely<Tables>, values: Input) => Promise<Answer<Row>> {
  // Compiled text belongs to an engine's dialect, and a test may run on two.
  const known = new WeakMap<object, Map<number, { query: Compiled<Row>; slots: readonly unknown[] }>>()
  return async (db, values) => {
    const leaves: unknown[] = []
    gather(values, leaves)
    const { adapter } = db.getExecutor()
    let byLength = known.get(adapter)
    if (byLength === undefined) known.set(adapter, (byLength = new Map()))
    let template = byLength.get(leaves.length)
    if (template === undefined) {
      const query = build(db, slotted(values, { next: 0 }) as Input).compile(db)
      byLength.set(leaves.length, (template = { query, slots: query.parameters }))
    }
    const { query, slots } = template
    const parameters = slots.map((slot) => (slot instanceof Slot ? leaves[slot.index] : slot))
    const { rows, numAffectedRows } = await db.executeQuery<Row>({ ...query, parameters })
    return { rows, changed: Number(numAffectedRows ?? rows.length) }
  }
}

/** Stands for a value while a query is built; where it comes out among the parameters, the value goes in. */
class Slot {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }
}

const isLeaf = (values: Values): boolean => typeof values !== 'object' || values === null || values instanceof Uint8Array

function gather(values: Values, leaves: unknown[]): void {
  if (isLeaf(values)) leaves.push(values)
  else if (Array.isArray(values)) for (const each of values as readonly Values[]) gather(each, leaves)
  else for (const name in values as object) gather((values as Record<string, Values>)[name]!, leaves)
}

function slotted(values: Values, count: { next: number }): unknown {
  if (isLeaf(values)) return new Slot(count.next++)
  if (Array.isArray(values)) return (values as readonly Values[]).map((each) => slotted(each, count))
  return Object.fromEntries(Object.entries(values as object).map(([name, each]) => [name, slotted(each as Values, count)]))
}
