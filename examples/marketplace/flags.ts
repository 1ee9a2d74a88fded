import { parseReplicas } from 'dure/service'
import { readBroker } from './brokers.ts'
import {
  choiceFlag,
  describeFlags,
  FlagError,
  flag,
  numberFlag,
  readFlags,
  switchFlag,
  textFlag,
  type Flag,
  type FlagValues,
} from './workload/flags.ts'

export const replicasFlag = (help: string): Flag<Readonly<Record<string, number>> | undefined> =>
  flag({ placeholder: 'SERVICE=N,…', help, fallback: undefined, read: parseReplicas })

const FLAGS = {
  port: numberFlag({ help: 'Port of the HTTP door; 0 takes a free one', fallback: 8080, most: 65_535 }),
  host: textFlag('HOST', 'Address it listens on; 0.0.0.0 is everybody', '127.0.0.1'),
  frontends: flag<number | undefined>({
    ...numberFlag({
      help: 'Port of a gateway before the services made for browsers (web.localhost) and telephones (m.localhost); 0 takes a free one (default: none of these)',
      fallback: 0,
      most: 65_535,
    }),
    fallback: undefined,
  }),
  keys: flag<string | undefined>({
    ...textFlag('FILE', 'With --frontends: the keys that its clients must have, as JSON (default: everybody is let in)'),
    read: notEmpty,
  }),
  data: flag({ ...textFlag('DIR', 'Where everything is kept', '.data/marketplace'), read: notEmpty }),
  products: flag<number | undefined>({
    ...numberFlag({
      help: 'Products generated into an empty directory, ten a seller (default 1000, or none with --catalog)',
      fallback: 0,
      most: 1_000_000,
    }),
    fallback: undefined,
  }),
  customers: numberFlag({ help: 'Customers generated into an empty directory', fallback: 1_000, most: 1_000_000 }),
  seed: numberFlag({ help: 'Seed of what is generated', fallback: 1, most: 2_147_483_647 }),
  catalog: flag({ ...textFlag('DIR', 'Import products and sellers from the Olist CSV files in DIR'), read: notEmpty }),
  invoices: flag({ ...textFlag('FILE', 'Replay the invoice lines of the UCI CSV file as carts and checkouts'), read: notEmpty }),
  database: flag({
    ...textFlag(
      'WHICH',
      'Where the services keep their data: sqlite, postgres (a server of its own, in the data directory), or postgres://… (one that is there)',
      'sqlite',
    ),
    read: readDatabase,
  }),
  postgres: flag({
    ...textFlag(
      'SERVICES',
      'Services on PostgreSQL beside the others on SQLite, such as order,payment (with a server of its own)',
      '',
    ),
    read: readServices,
  }),
  outbox: choiceFlag(
    ['polling', 'wal'],
    "How events get from PostgreSQL to the broker: looked for in a table, or read from the server's log (wal_level = logical)",
    'polling',
  ),
  broker: flag({
    ...textFlag(
      'WHICH',
      'What carries events: embedded, activemq, artemis, kafka, nats, rabbitmq or redis (a server of its own, in the data directory), or the URL of one that is there',
      'embedded',
    ),
    read: readBroker,
  }),
  durability: choiceFlag(
    ['power', 'process'],
    'What a commit survives: a power cut, or the end of the process only (faster on slow disks)',
    'power',
  ),
  checkout: choiceFlag(
    ['events', 'choreography', 'saga'],
    'How a checkout gets from service to service: each reacts to what another has done (choreography: and it is followed, see dure saga path), or a saga of the order service asks them',
    'events',
  ),
  model: switchFlag(
    "Make the seller's dashboard as a read model as well; GET /seller/1/dashboards shows it beside the one that is composed",
  ),
  insight: switchFlag(
    'Run a service that says what the events of all others mean over time: revenue, abandoned carts, suspects; see GET /insight/progress',
  ),
  split: switchFlag('Run each service in a process of its own, kept running by this one'),
  threads: switchFlag('Run each service in a thread of one process, kept running by its main one, which has the door'),
  replicas: replicasFlag('With --split or --threads: how many copies of services run, such as order=3,stock=2'),
  witness: switchFlag(
    'Write down in every store, beside the data, what was announced and what had its effect, in order: for chaos',
  ),
  'collector-apart': switchFlag(
    'Have no collector here: what is told of it goes to one of its own on the same directory (dure collector --data DIR)',
  ),
  provider: flag({ ...textFlag('URL', 'Use this payment provider, rather than one of our own'), read: readUrl }),
}

export type MarketplaceFlags = FlagValues<typeof FLAGS>

export const HELP = `Usage: npm start -- [flags]

Runs the marketplace in one process (with --split: one for each service, with --threads: a thread for each), behind one HTTP door, with a payment
provider beside it.
A second start on the same directory continues where the first one was.

${describeFlags(FLAGS)}
  --help  Shows this
`

/** The flags of a command line; undefined when it asks for help. @throws {FlagError} */
export function marketplaceFlags(words: readonly string[]): MarketplaceFlags | undefined {
  const flags = readFlags(FLAGS, words)
  if (flags?.split === true && flags.threads)
    throw new FlagError('Cannot use --split and --threads at once: it is processes or threads; leave one of them out')
  if (flags?.replicas !== undefined && !flags.split && !flags.threads) {
    throw new FlagError(
      'Cannot use --replicas without --split: all together there is one of each service; add --split, or --threads',
    )
  }
  if (flags?.keys !== undefined && flags.frontends === undefined)
    throw new FlagError('Cannot use --keys without --frontends: they are those of its clients; add --frontends 8081')
  if (flags?.outbox === 'wal' && flags.database === 'sqlite' && flags.postgres === '') {
    throw new FlagError('Cannot use --outbox wal with --database sqlite: the log is that of PostgreSQL; add --database postgres')
  }
  if (flags?.postgres !== '' && flags !== undefined && flags.database !== 'sqlite') {
    throw new FlagError(
      'Cannot use --postgres with --database: with that one all services are on PostgreSQL already; leave one of them out',
    )
  }
  if (flags?.witness === true && (flags.database !== 'sqlite' || flags.postgres !== '')) {
    throw new FlagError('Cannot use --witness on PostgreSQL: its triggers are those of SQLite; leave one of them out')
  }
  return flags
}

function notEmpty(text: string): string {
  if (text.trim() === '') throw new RangeError('it must not be empty')
  return text
}

function readUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null || url.protocol !== 'http:') throw new RangeError('give a URL such as http://127.0.0.1:8090')
  return url.origin
}

function readServices(text: string): string {
  if (!/^[a-z]+(,[a-z]+)*$/.test(text))
    throw new RangeError('give names of services with commas between them, such as order,payment')
  return text
}

function readDatabase(text: string): string {
  if (text !== 'sqlite' && text !== 'postgres' && !/^postgres(ql)?:\/\/./.test(text)) {
    throw new RangeError('give sqlite, postgres or postgres://user:password@host:port/database')
  }
  return text
}
