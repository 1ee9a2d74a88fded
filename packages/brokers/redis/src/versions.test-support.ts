import { startLocalServer } from '@dure/testing/servers'
import { tryVersions } from '@dure/testing/versions'
import { redisBroker } from './redis.ts'

/** What the adapter makes of servers of other versions: `npm run peers -- old-servers`. */
await tryVersions({
  kind: 'redis',
  start: (programs) => startLocalServer('redis', { programs }),
  broker: ({ url }) => redisBroker({ url }),
  refusal: (version, { port }) =>
    new RegExp(`^Cannot use Redis at 127.0.0.1:${port}: it is version ${version}; use Redis 7 or newer, or Valkey$`),
})
