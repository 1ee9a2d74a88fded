/**
 * The house's rules as values: who may know whom. A new room, package kind or exemption is a line here.
 */

const CHASSIS = ['runtime', 'contract', 'telemetry', 'config', 'discovery', 'resilience', 'data', 'messaging', 'call', 'door']

/** The rooms of `packages/dure/src`, each with the rooms it may know. The order is the order of the house: never to the right. */
export const rooms: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  lint: [],
  contract: [],
  telemetry: ['runtime', 'contract'],
  config: ['runtime', 'contract', 'telemetry'],
  discovery: ['runtime', 'contract', 'telemetry'],
  resilience: ['runtime', 'contract', 'telemetry'],
  data: ['runtime', 'contract', 'telemetry'],
  session: ['runtime', 'contract', 'telemetry', 'data'],
  messaging: ['runtime', 'contract', 'telemetry', 'data'],
  call: ['runtime', 'contract', 'telemetry', 'discovery', 'resilience', 'data', 'messaging'],
  door: ['runtime', 'contract', 'telemetry', 'call'],
  security: ['runtime', 'contract', 'telemetry', 'call', 'door'],
  service: CHASSIS,
  // What services list beside their handlers: `service` knows none of them.
  saga: [...CHASSIS, 'service'],
  schedule: [...CHASSIS, 'service'],
  audit: [...CHASSIS, 'service'],
  tasks: [...CHASSIS, 'service'],
  identity: [...CHASSIS, 'service'],
  choreography: [...CHASSIS, 'service'],
  eventsourcing: [...CHASSIS, 'service'],
  query: [...CHASSIS, 'service', 'eventsourcing'],
  stream: [...CHASSIS, 'service'],
  story: [...CHASSIS, 'service'],
}

/** Which published packages a package may import, by the folder it stands in; and its tests, beyond these. A pattern ends in `*`. */
export const packageArrows: readonly {
  readonly from: string
  readonly mayKnow: readonly string[]
  readonly testsMayKnow?: readonly string[]
}[] = [
  { from: 'packages/dure', mayKnow: [] },
  // Their tests start real servers, and services with their data on one.
  { from: 'packages/brokers/', mayKnow: ['dure'], testsMayKnow: ['@dure/testing', '@dure/postgres'] },
  { from: 'packages/databases/', mayKnow: ['dure'] },
  // One proof by others is of all stores of sessions.
  { from: 'packages/sessions/', mayKnow: ['dure'], testsMayKnow: ['@dure/testing', '@dure/redis'] },
  // What speaks HTTP/2 stands on one server of it.
  { from: 'packages/protocols/', mayKnow: ['dure', '@dure/http2'], testsMayKnow: ['@dure/rest', '@dure/soap', '@dure/testing'] },
  { from: 'packages/registries/', mayKnow: ['dure'], testsMayKnow: ['@dure/testing'] },
  { from: 'packages/platform/', mayKnow: ['dure', '@dure/*'] },
  { from: 'packages/tools/', mayKnow: ['dure', '@dure/*'] },
  { from: 'examples/', mayKnow: ['dure', '@dure/*'] },
  { from: 'bench', mayKnow: ['dure', '@dure/*'] },
  // What it starts is what is installed.
  { from: 'checks', mayKnow: ['@dure/testing'] },
  { from: 'docs', mayKnow: ['dure', '@dure/*'] },
]

/** Programs for browsers: their folders are shelves of components, each a door of its own, in one bundle that nobody imports. */
export const browserClients: readonly string[] = ['packages/platform/console/client/']

/** Inside an example's `services/<name>/`. */
export const serviceRules = {
  /** The only file of a service that its neighbours may import. */
  contract: 'contract.ts',
  /** The folder inside a service that knows only itself, … */
  domain: 'domain',
  /** … contracts, and the words all services share: the files that lie directly in `services/`. */
  domainMayImport: ['dure/contract'],
} as const

/** Folders of an example that talk to it from outside, through its doors and contracts. */
export const outsiders: readonly string[] = ['workload', 'chaos']

/** Pattern code: gets time, chance and the network handed in. The same list stands in `.oxlintrc.json`; a test compares them. */
export const patternCode = {
  in: 'packages/dure/src/',
  except: [
    'packages/dure/src/runtime/',
    'packages/dure/src/config/files/',
    'packages/dure/src/data/sqlite/',
    'packages/dure/src/data/sqlite-file/',
    'packages/dure/src/session/sqlite/',
    'packages/dure/src/messaging/embedded/',
    'packages/dure/src/call/socket/',
    'packages/dure/src/door/server/',
    'packages/dure/src/identity/',
    'packages/dure/src/discovery/embedded/',
    'packages/dure/src/service/supervisor/',
    'packages/dure/src/telemetry/export/',
  ],
} as const

/** Names that say nothing about what a file is for. */
export const vagueNames: readonly string[] = [
  'util',
  'utils',
  'helper',
  'helpers',
  'manager',
  'common',
  'misc',
  'shared',
  'index',
]

/** Lines: what a file may never pass, and from where on it is listed. */
export const lengths = { limit: 600, listed: 300 } as const

/** Where there must be files, or something is wrong with the check itself. */
export const mustHaveFiles: readonly string[] = ['packages', 'examples']

/** The one kind of file that a tool loads by its path, and so by no name: an application's system. */
export function mayExportDefault(path: string): boolean {
  // Linters load a plugin by its default export.
  if (path === 'packages/dure/src/lint/lint.ts') return true
  return !path.startsWith('packages/dure/') && /(^|[./])system(?:\.test-support)?\.ts$/.test(path)
}

/** Tests and what only tests use: may look to the right, through doors. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('.test-support.ts')
}

/** A port's suite: published beside the port, and imported by the tests of every adapter. */
export function isConformance(path: string): boolean {
  return path.endsWith('.conformance.ts')
}
