/**
 * Which way to communicate: the simplest one that meets all that is asked. The table is in the order of simplicity, and no criterion
 * changes that order, so asking for more never leads to less of it.
 */
import { ALL_NEEDS, COMPLEXITIES, INDEPENDENCES, type Complexity, type Independence, type Need, type Question } from './needs.ts'
import type { Style } from './styles.ts'

/** What keeps a style from being chosen. */
export type Obstacle =
  | { readonly criterion: 'response time'; readonly asked: number; readonly has: number }
  | { readonly criterion: 'throughput'; readonly asked: number; readonly has: number }
  | { readonly criterion: 'complexity'; readonly asked: Complexity; readonly has: Complexity }
  | { readonly criterion: 'independence'; readonly asked: Independence; readonly has: Independence }
  | { readonly criterion: 'need'; readonly asked: Need }

export type Judged = { readonly style: Style; readonly obstacles: readonly Obstacle[] }

export type Choice =
  | { readonly kind: 'one'; readonly chosen: Style }
  /** No style has all needs, and each has one: a contract may have several doors. */
  | { readonly kind: 'several'; readonly parts: readonly { readonly need: Need; readonly chosen: Style }[] }
  /** The styles with the fewest obstacles. */
  | { readonly kind: 'none'; readonly nearest: readonly Judged[] }

/** What would lead to another choice. */
export type Change = { readonly change: Partial<Question>; readonly criterion: Obstacle['criterion']; readonly chosen: Style }

export function choose(question: Question, styles: readonly Style[]): Choice {
  const all = judge(question, styles)
  const found = all.find(({ obstacles }) => obstacles.length === 0)
  if (found !== undefined) return { kind: 'one', chosen: found.style }
  const parts = question.needs.flatMap((need) => {
    const choice = question.needs.length > 1 ? choose({ ...question, needs: [need] }, styles) : undefined
    return choice?.kind === 'one' ? [{ need, chosen: choice.chosen }] : []
  })
  if (parts.length > 0 && parts.length === question.needs.length) return { kind: 'several', parts }
  const fewest = Math.min(...all.map(({ obstacles }) => obstacles.length))
  return { kind: 'none', nearest: all.filter(({ obstacles }) => obstacles.length === fewest) }
}

/** Every style with what keeps it from being chosen, in the order of the table. */
export function judge(question: Question, styles: readonly Style[]): readonly Judged[] {
  return styles.map((style) => ({ style, obstacles: obstaclesOf(question, style) }))
}

function obstaclesOf(asked: Question, style: Style): readonly Obstacle[] {
  const obstacles: Obstacle[] = []
  if (style.responseTime > asked.responseTime)
    obstacles.push({ criterion: 'response time', asked: asked.responseTime, has: style.responseTime })
  if (style.throughput < asked.throughput)
    obstacles.push({ criterion: 'throughput', asked: asked.throughput, has: style.throughput })
  if (COMPLEXITIES.indexOf(style.complexity) > COMPLEXITIES.indexOf(asked.complexity))
    obstacles.push({ criterion: 'complexity', asked: asked.complexity, has: style.complexity })
  if (INDEPENDENCES.indexOf(style.independence) < INDEPENDENCES.indexOf(asked.independence))
    obstacles.push({ criterion: 'independence', asked: asked.independence, has: style.independence })
  for (const need of asked.needs) if (!style.serves.includes(need)) obstacles.push({ criterion: 'need', asked: need })
  return obstacles
}

/**
 * The smallest changes of one criterion that lead to another single style: up and down for numbers, each other level, each need that
 * comes or goes.
 */
export function changesOf(question: Question, styles: readonly Style[]): readonly Change[] {
  const before = choose(question, styles)
  const leadsTo = (criterion: Change['criterion'], change: Partial<Question>): Change | undefined => {
    const after = choose({ ...question, ...change }, styles)
    if (after.kind !== 'one' || (before.kind === 'one' && before.chosen.name === after.chosen.name)) return undefined
    return { criterion, change, chosen: after.chosen }
  }
  const first = (criterion: Change['criterion'], changes: readonly Partial<Question>[]): readonly Change[] =>
    changes.flatMap((change) => leadsTo(criterion, change) ?? []).slice(0, 1)

  const times = ascending(styles.map(({ responseTime }) => responseTime))
  const rates = ascending(styles.map(({ throughput }) => throughput))
  const { responseTime, throughput, needs } = question
  const at = { complexity: COMPLEXITIES.indexOf(question.complexity), independence: INDEPENDENCES.indexOf(question.independence) }
  return [
    ...first(
      'response time',
      below(times, responseTime).map((value) => ({ responseTime: value })),
    ),
    ...first(
      'response time',
      above(times, responseTime).map((value) => ({ responseTime: value })),
    ),
    ...first(
      'throughput',
      above(rates, throughput).map((value) => ({ throughput: value })),
    ),
    ...first(
      'throughput',
      below(rates, throughput).map((value) => ({ throughput: value })),
    ),
    ...first(
      'complexity',
      COMPLEXITIES.slice(0, at.complexity)
        .toReversed()
        .map((complexity) => ({ complexity })),
    ),
    ...first(
      'complexity',
      COMPLEXITIES.slice(at.complexity + 1).map((complexity) => ({ complexity })),
    ),
    ...first(
      'independence',
      INDEPENDENCES.slice(at.independence + 1).map((independence) => ({ independence })),
    ),
    ...first(
      'independence',
      INDEPENDENCES.slice(0, at.independence)
        .toReversed()
        .map((independence) => ({ independence })),
    ),
    ...ALL_NEEDS.map((need) => otherwise(needs, need)).flatMap(
      (then) => (then.length > 0 ? leadsTo('need', { needs: then }) : undefined) ?? [],
    ),
  ]
}

/** With the need, if it is not there; else without it. */
function otherwise(needs: readonly Need[], need: Need): readonly Need[] {
  return needs.includes(need) ? needs.filter((one) => one !== need) : [...needs, need]
}

const ascending = (values: readonly number[]): readonly number[] => [...new Set(values)].toSorted((a, b) => a - b)
/** Both the nearest first. */
const below = (values: readonly number[], limit: number): readonly number[] => values.filter((one) => one < limit).toReversed()
const above = (values: readonly number[], limit: number): readonly number[] => values.filter((one) => one > limit)
