/** What becomes of refinements and transforms between two versions. They are code: that they came, went or are others can be seen. */
import { isSchema, resolve } from './keywords.ts'
import { REFINEMENTS, type Refinement } from './refinements.ts'
import type { JsonSchema, Side } from './schema.ts'

export type Change = {
  /** `breaking`: somebody who did nothing fails. `notice`: nobody fails, but somebody should know. */
  readonly level: 'breaking' | 'compatible' | 'notice'
  /** `orders.place input at lines[].quantity` */
  readonly where: string
  readonly message: string
  /** Whom it breaks; `history` are events that were stored before. */
  readonly breaks: 'callers' | 'subscribers' | 'history' | 'nobody'
}

export type Report = (level: Change['level'], where: string, message: string, breaks?: Change['breaks']) => void

/** Says what of them came, went or is another, where both versions have the place. */
export function compareRefinements(
  where: string,
  side: Side,
  before: JsonSchema,
  after: JsonSchema,
  readers: 'callers' | 'subscribers',
  report: Report,
): void {
  for (const { path, what, refinement } of differences(before, after)) {
    const { is, says } = refinement
    const at = path === '' ? where : `${where} at ${path}`
    const has = `has a ${is}${says === undefined ? '' : ` ("${says}")`}`
    if (what === 'changed') report('notice', at, `${has} that is another now: what it does cannot be compared`)
    else if (is === 'transform') report('notice', at, `${has} ${what === 'added' ? 'now' : 'no longer'}`)
    else if (side === 'input' && what === 'added') report('breaking', at, `${has} now: what it refuses was taken before`)
    else if (side === 'output' && what === 'removed')
      report('breaking', at, `${has} no longer: what it held back may come now`, readers)
    else report('compatible', at, `${has} ${what === 'added' ? 'now' : 'no longer'}`)
  }
}

/** What two versions of a place do, where they differ. */
type Difference = {
  readonly path: string
  readonly what: 'added' | 'removed' | 'changed'
  readonly refinement: Refinement
}

/** Where both versions have a place, how its refinements differ. A place that came or went is told elsewhere. */
function differences(before: JsonSchema, after: JsonSchema): readonly Difference[] {
  const [old, now] = [placesOf(before), placesOf(after)]
  return [...old].flatMap(([path, was]) => {
    const is = now.get(path)
    if (is === undefined) return []
    const left = [...is]
    const take = (same: (each: Refinement) => boolean): Refinement | undefined => {
      const at = left.findIndex(same)
      return at === -1 ? undefined : left.splice(at, 1)[0]
    }
    const unmatched = was.filter((one) => take((each) => JSON.stringify(each) === JSON.stringify(one)) === undefined)
    const found: Difference[] = unmatched.map((one) => {
      const other = take((each) => each.is === one.is && each.says === one.says)
      return { path, what: other === undefined ? 'removed' : 'changed', refinement: one }
    })
    return [...found, ...left.map((one): Difference => ({ path, what: 'added', refinement: one }))]
  })
}

/** Every place of a schema with its refinements, most of them none. */
function placesOf(root: JsonSchema): ReadonlyMap<string, readonly Refinement[]> {
  const places = new Map<string, readonly Refinement[]>()
  const around = new Set<unknown>()
  const visit = (schema: unknown, path: string): void => {
    if (!isSchema(schema) || around.has(schema)) return
    around.add(schema)
    places.set(path, [...(places.get(path) ?? []), ...((schema[REFINEMENTS] as Refinement[] | undefined) ?? [])])
    if (typeof schema.$ref === 'string') visit(resolve(root, schema.$ref), path)
    for (const [name, part] of Object.entries((schema.properties as JsonSchema | undefined) ?? {}))
      visit(part, path === '' ? name : `${path}.${name}`)
    const each = (keyword: string, step: (at: number) => string): void => {
      if (Array.isArray(schema[keyword])) schema[keyword].forEach((part, at) => visit(part, path + step(at)))
    }
    // Of alternatives it is not said which is which: what one of them checks belongs to the place.
    for (const keyword of ['anyOf', 'oneOf', 'allOf']) each(keyword, () => '')
    each('prefixItems', (at) => `[${at}]`)
    visit(schema.items, `${path}[]`)
    visit(schema.additionalProperties, `${path}{}`)
    visit(schema.propertyNames, `${path}{key}`)
    around.delete(schema)
  }
  visit(root, '')
  return places
}
