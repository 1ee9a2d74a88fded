/** Where a rule of a pact applies: `$.orders[*]['name']`, and how exactly it says so. */

/** A step of a path: a field, an index, or any of them. */
export type Step = { readonly kind: 'field'; readonly name: string } | { readonly kind: 'index'; readonly at: number } | Any
type Any = { readonly kind: 'anyField' | 'anyIndex' }

/** Where a value stands: the names and indexes that lead there from the root. */
export type Place = readonly (string | number)[]

const STEP = /\.([^.[\]'"]+)|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\[(\*)\]/y

/** Undefined when it is no such path. Names of headers and parameters are a path of one step. */
export function parsePath(text: string): readonly Step[] | undefined {
  if (!text.startsWith('$')) return [{ kind: 'field', name: text }]
  const steps: Step[] = []
  let at = 1
  while (at < text.length) {
    STEP.lastIndex = at
    const found = STEP.exec(text)
    if (found === null) return undefined
    const [whole, plain, single, double, index] = found
    const name = plain ?? single ?? double
    if (name !== undefined)
      steps.push(plain === '*' ? { kind: 'anyField' } : { kind: 'field', name: name.replaceAll(/\\(.)/g, '$1') })
    else steps.push(index === undefined ? { kind: 'anyIndex' } : { kind: 'index', at: Number(index) })
    at += whole.length
  }
  return steps
}

/**
 * How exactly a path leads to a place or above it: each step that is named counts double. 0: it does not. In XML the number of an
 * element among those of its name may be left out.
 */
export function weightOf(
  steps: readonly Step[],
  place: Place,
  xml: boolean,
): { readonly weight: number; readonly above: boolean } {
  let weight = 2
  let at = 0
  for (const step of steps) {
    let found = fit(step, place[at], xml)
    if (found === 0 && xml && typeof place[at] === 'number') found = fit(step, place[++at], xml)
    if (found === 0) return { weight: 0, above: false }
    weight *= found
    at++
  }
  return { weight, above: place.slice(at).some((part) => !xml || typeof part !== 'number') }
}

function fit(step: Step, part: string | number | undefined, xml: boolean): 0 | 1 | 2 {
  if (part === undefined) return 0
  switch (step.kind) {
    case 'field':
      return step.name === String(part) ? 2 : 0
    case 'index':
      return step.at === part ? 2 : 0
    case 'anyField':
      return xml && typeof part === 'number' ? 0 : 1
    case 'anyIndex':
      return typeof part === 'number' || xml ? 1 : 0
  }
}

/** A place in words: `$.orders[0].name`. */
export function placeText(place: Place): string {
  return `$${place.map((part) => (typeof part === 'number' ? `[${part}]` : /^[\w@#-]+$/.test(part) ? `.${part}` : `['${part}']`)).join('')}`
}
