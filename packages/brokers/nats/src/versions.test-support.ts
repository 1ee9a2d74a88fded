import { startLocalServer } from '@dure/testing/servers'
import { tryVersions } from '@dure/testing/versions'
import { natsBroker } from './nats.ts'
import { SHORT } from './world.test-support.ts'

/** What the adapter makes of servers of other versions: `npm run peers -- old-servers`. */
await tryVersions({
  kind: 'nats',
  start: (programs) => startLocalServer('nats', { programs }),
  broker: ({ url }) => natsBroker({ ...SHORT, servers: url }),
  refusal: (version, { port }) =>
    new RegExp(`^Cannot use NATS at 127.0.0.1:${port}: it is version ${version}, and 2.12 is needed; use a newer server$`),
})
