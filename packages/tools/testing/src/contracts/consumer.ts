import type { AnyContract } from 'dure/contract'
import type { Service } from 'dure/service'
import type { ConsumerTest, ConsumerTestOptions } from './consumer-run.ts'

export type { ConsumerTest, ConsumerTestOptions } from './consumer-run.ts'

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
