import { tryVersions } from '@dure/testing/versions'
import { kafkaBroker } from './kafka.ts'
import { QUICK_MEMBERS, startVoters } from './server.test-support.ts'

/** What the adapter makes of brokers of other versions: `npm run peers -- old-servers`. */
await tryVersions({
  kind: 'kafka',
  start: async (programs) => (await startVoters(1, { programs }))[0]!,
  broker: ({ url }) => kafkaBroker({ ...QUICK_MEMBERS, url }),
  refusal: (_, { port }) => new RegExp(`^Cannot use Kafka at 127.0.0.1:${port}.* older than 3.5; use 3.5 or newer$`),
})
