import fc from 'fast-check'
import type { AnyContract, AnyOperation } from 'dure/contract'
import { arbitraryOf, wrongOf } from '../arbitrary/arbitrary.ts'

/** One call that every placement is asked to make. */
export type Step = {
  readonly service: string
  readonly operation: string
  readonly input: unknown
  /** What the caller of a channel sends. */
  readonly incoming?: readonly unknown[] | undefined
  /** What the caller does beside sending it; see `perform`. */
  readonly manner: Manner
}

/** `plain`; with a key that a repeated command carries; given up before it is sent; out of time before it is sent. */
export type Manner = { readonly kind: 'plain' | 'aborted' | 'late' } | { readonly kind: 'keyed'; readonly key: string }

/** A step as fast-check made it, which knows how to make it smaller. */
export type Made = { readonly value: fc.Value<Step>; readonly arbitrary: fc.Arbitrary<Step> }

/** Calls of one operation: mostly right inputs, some a change away from right, some in an odd manner. */
export function stepsOf(contract: AnyContract, operation: string): fc.Arbitrary<Step> {
  const definition = (contract.operations as Readonly<Record<string, AnyOperation>>)[operation]!
  const right = arbitraryOf(definition.input)
  const input = fc.oneof({ weight: 3, arbitrary: right }, { weight: 1, arbitrary: wrongOf(right) })
  const odd: fc.Arbitrary<Manner>[] = [fc.constantFrom<Manner>({ kind: 'aborted' }, { kind: 'late' })]
  if (definition.kind === 'command')
    odd.push(fc.constantFrom<Manner>({ kind: 'keyed', key: 'key 1' }, { kind: 'keyed', key: 'key 2' }))
  const manner = fc.oneof(
    { withCrossShrink: true },
    { weight: 9, arbitrary: fc.constant<Manner>({ kind: 'plain' }) },
    ...odd.map((arbitrary) => ({ weight: 1, arbitrary })),
  )
  const sent = definition.incoming === undefined ? undefined : arbitraryOf(definition.incoming)
  const values = sent && fc.oneof({ weight: 9, arbitrary: sent }, { weight: 1, arbitrary: wrongOf(sent) })
  return fc.record({
    service: fc.constant(contract.name),
    operation: fc.constant(operation),
    input,
    ...(values && { incoming: fc.array(values, { maxLength: 5 }) }),
    manner,
  })
}

/** fast-check's own generator of chance, from a seed: it is given to arbitraries only, so one is asked to hand it out. */
export function chance(seed: number): fc.Random {
  let handed: fc.Random | undefined
  class Asking extends fc.Arbitrary<undefined> {
    override generate(random: fc.Random): fc.Value<undefined> {
      handed = random.clone()
      return new fc.Value(undefined, undefined)
    }
    override canShrinkWithoutContext(_value: unknown): _value is undefined {
      return false
    }
    override shrink(): fc.Stream<fc.Value<undefined>> {
      return fc.Stream.nil()
    }
  }
  fc.sample(new Asking(), { seed, numRuns: 1 })
  return handed!
}

/** Every operation `runs` times, in an order drawn from the seed. */
export function plan(contracts: readonly AnyContract[], runs: number, seed: number): readonly Made[] {
  const random = chance(seed)
  const made = contracts.flatMap((contract) =>
    Object.keys(contract.operations as object).flatMap((operation) => {
      const arbitrary = stepsOf(contract, operation)
      // fast-check's own way: corner cases are more likely early on.
      return Array.from({ length: runs }, (_, run): Made => ({
        arbitrary,
        value: arbitrary.generate(random, 2 + Math.floor(run / 10)),
      }))
    }),
  )
  for (let i = made.length - 1; i > 0; i--) {
    const j = random.nextInt(0, i)
    ;[made[i], made[j]] = [made[j]!, made[i]!]
  }
  return made
}
