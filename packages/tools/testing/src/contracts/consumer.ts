import type { Client } from 'dure/call'
import type { AnyContract, AnyEvent, EventInput } from 'dure/contract'
import type { Service } from 'dure/service'
import type { Fake, TestSystem } from '../component/component.ts'
import type { ConsumerInteraction, Given } from './interaction.ts'

export type ConsumerTestOptions<C extends AnyContract> = {
  /** Whose contract is used. */
  readonly provider: C
  /** What it answers; whatever else it is asked fails the test. */
  readonly interactions?: readonly ConsumerInteraction[]
  /** Other services that the consumer needs. */
  readonly fakes?: readonly Fake[]
  /** The folder in which the pact is written when the test has come to its end; one file for each `name`. Default: it is not written. */
  readonly pacts?: string
  /** Told of each line of the log. Default: nobody is. */
  readonly log?: (line: string) => void
  /** The test, as reports name it. Default: the consumer and the provider. */
  readonly name?: string
}

/** A consumer under test, with a stub of one provider. */
export type ConsumerTest<C extends AnyContract> = AsyncDisposable & {
  /** The provider, as the consumer's own code calls it; what is read of its answers is noted. */
  readonly provider: Client<C>
  /** The same over HTTP, for whoever calls it by its routes; all of an answer counts as read. Undefined: no operation has a route. */
  readonly url: string | undefined
  /** The consumer, when it is a service. */
  readonly system: TestSystem
  /** Brings an event of the provider to the consumer; what its reactions read of it is noted. */
  readonly publish: <E extends AnyEvent>(
    event: E,
    data: EventInput<E>,
    options?: { readonly given?: Given | readonly Given[]; readonly description?: string },
  ) => Promise<void>
  /** The pact of what was used until now: the text of a file. @throws {TypeError} when an operation was used that has no route of HTTP */
  readonly pact: () => string
  /** Ends the test and writes the pact. Idempotent. @throws when the provider was asked what it has no answer to, or a fake broke its contract */
  readonly stop: () => Promise<void>
}

/**
 * Runs a consumer against a stub of a provider that is made of the provider's contract, and writes what the consumer used as a pact.
 * @param consumer a service, or the name of anything else that calls: a web page, a program
 * @throws {TypeError} when an interaction could not be true of the provider
 *
 * @example
 * ```ts
 * import { consumerTest, interaction } from '@dure/testing/contracts'
 * import { contract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Prices = contract('prices', {
 *   version: '1.0.0',
 *   owner: 'team-prices',
 *   operations: {
 *     of: query({ input: z.object({ sku: z.string() }), output: z.object({ cents: z.int(), since: z.date() }), http: 'GET /prices/{sku}' }),
 *   },
 * })
 * const tea = interaction(Prices, 'of', { given: 'tea has a price', input: { sku: 'tea' }, output: { cents: 250, since: new Date(0) } })
 *
 * await using test = await consumerTest('label-printer', { provider: Prices, interactions: [tea] })
 * const { cents } = await test.provider.of({ sku: 'tea' })
 * const [written] = JSON.parse(test.pact()).interactions
 * console.log(cents, written.request.path, written.response.body.content) // → 250 /prices/tea { cents: 250 }
 * ```
 */
export async function consumerTest<C extends AnyContract>(
  consumer: Service | string,
  options: ConsumerTestOptions<C>,
): Promise<ConsumerTest<C>> {
  // Whoever verifies a provider, or asks whether it may be deployed, needs none of it.
  const { runConsumer } = await import('./consumer-run.ts')
  return runConsumer(consumer, options)
}
