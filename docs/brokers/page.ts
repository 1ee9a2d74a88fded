/** `npm run docs:brokers`: writes docs/brokers.md from what the adapters say of themselves. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedBroker, type Capabilities } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'

export const path: string = join(import.meta.dirname, '../brokers.md')
const packages: string = join(import.meta.dirname, '../../packages/brokers')

/** What each one means for those who choose a broker. */
const MEANINGS: Readonly<Record<keyof Capabilities, string>> = {
  topics: 'Topics, which every group reads',
  queues: 'Queues, whose work one receiver takes',
  ordered: 'Messages of one key keep their order',
  durable: 'What is acknowledged survives the end of its process',
  log: 'A group that comes later reads what was there before it',
  replay: 'Groups can be moved: to the beginning, a time, a position',
  browse: 'People and tools can look at messages without a group',
  age: 'Lag tells since when a group is behind',
}

/** Each adapter's package publishes what it can do under its own name: `@dure/kafka` as `KAFKA`. */
async function columns(): Promise<readonly (readonly [name: string, Capabilities])[]> {
  const names = readdirSync(packages).filter((name) => existsSync(join(packages, name, 'package.json')))
  const found = names.toSorted().map(async (name) => {
    const door = (await import(`@dure/${name}`)) as Readonly<Record<string, unknown>>
    const capabilities = door[name.toUpperCase()] as Capabilities | undefined
    if (capabilities === undefined)
      throw new Error(
        `Cannot tell what @dure/${name} can do: it does not export "${name.toUpperCase()}"; export its capabilities so`,
      )
    return [`\`@dure/${name}\``, capabilities] as const
  })
  return [['embedded', await embedded()], ...(await Promise.all(found))]
}

async function embedded(): Promise<Capabilities> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-brokers-'))
  const broker = await embeddedBroker()({ directory, runtime: realRuntime(), log: silentLogger() })
  await broker.stop()
  rmSync(directory, { recursive: true })
  return broker.capabilities
}

export async function brokersPage(): Promise<string> {
  const brokers = await columns()
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rows = Object.entries(MEANINGS).map(([capability, meaning]) =>
    row([
      `\`${capability}\``,
      meaning,
      ...brokers.map(([, capabilities]) => (capabilities[capability as keyof Capabilities] ? 'yes' : 'no')),
    ]),
  )
  return `# Brokers

Made by \`npm run docs:brokers\` from what the adapters say of themselves; a test compares them. What an adapter says it can do, the suite
of brokers (\`dure/messaging/conformance\`) holds it to on a real server.

${row(['capability', 'meaning', ...brokers.map(([name]) => name)])}
${row(['---', '---', ...brokers.map(() => '---')])}
${rows.join('\n')}

Retries, dead letters, delays and effects that happen once are the same on all of them: they live beside the consumer's own data, and
no broker is asked for them. A system that needs what its broker lacks is refused when it starts.

How messages travel, so that programs in other languages read and write them: as [CloudEvents 1.0](https://github.com/cloudevents/spec) in
binary mode, each attribute a header (\`ce_id\` on Kafka, \`ce-id\` on NATS, \`cloudEvents_id\` over AMQP), the data as the body.

## What was done to them

\`npm run chaos -- --broker NAME --outages\` runs the marketplace on a real server of one node and takes that away under load; \`--split\` has each
service in a process of its own, and \`--kills\` kills the services instead. Each of these was run on each of Kafka, NATS and Redis, of
one minute or two, with nothing lost, no effect doubled, no key out of order, and every invariant held:

| what | how |
| --- | --- |
| killed, stopped | SIGKILL, or a stop in good order, and started again within 2 s |
| frozen | SIGSTOP for 20 s, its connections open |
| cut | the connection ends in the midst of an event that is published |
| unheard | for half a second it takes what is published, and its answers are lost |
| full | its disk has no space for 5 s; then it has, and the server is started again |
| services killed | SIGKILL of all of them at once, or of one after the other (\`--split --kills 12\`), within their handlers |

On RabbitMQ all but the last row was run, in one process of services, with the same end; of two runs with a full disk one did not come back:
the server answered for a minute that its streams have no leader.

On ActiveMQ Classic it was killed, stopped and frozen so, with the same end; connections that are cut and disks that are full have tests of the
adapter (\`failures.test.ts\`, \`full.test.ts\`), on Classic and on Artemis.

When its disk is full, Kafka ends, Redis ends (with \`appendfsync always\`; else it refuses), and NATS says nothing to who publishes to a stream that
could not be written, also when there is space again: all three must be started again. Who publishes hears UNAVAILABLE meanwhile, and outboxes keep what
they have. Clusters of three of NATS and of Kafka
(\`npm run peers -- kafka-cluster\`) had each server killed in turn under load: nothing was lost, and keys kept their order. Not run: these things
over hours.

\`npm run peers -- old-servers\` starts NATS 2.10, Redis 6.0 and Kafka 3.4, which are refused in words, and NATS 2.12.0, Redis 7.0 and
Kafka 3.5, which are taken.
`
}

if (import.meta.main) writeFileSync(path, await brokersPage())
