/** An instance as Eureka's clients describe it, in JSON or XML: read strictly, kept without what only one of the two has. */
import { RegistryFault } from './fault.ts'
import { escapeXml, keyOfName, nameOfKey, type Element } from './xml.ts'

export const STATUSES = ['UP', 'DOWN', 'STARTING', 'OUT_OF_SERVICE', 'UNKNOWN'] as const
export type Status = (typeof STATUSES)[number]

/** How many there are of each status, by which clients know that they have seen all changes: `DOWN_1_UP_2_`. */
export function hashOf(statuses: Iterable<Status>): string {
  const counts = new Map<Status, number>()
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1)
  return [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([status, number]) => `${status}_${number}_`)
    .join('')
}

/** Fields that are kept as they came: text, or not there. */
const TEXTS = [
  'appGroupName',
  'sid',
  'homePageUrl',
  'statusPageUrl',
  'healthCheckUrl',
  'secureHealthCheckUrl',
  'vipAddress',
  'secureVipAddress',
  'asgName',
] as const

/** Seconds. */
export type LeaseTimes = { readonly renewal: number; readonly duration: number }
export type Port = { readonly port: number; readonly enabled: boolean }

export type EurekaInstance = Readonly<Partial<Record<(typeof TEXTS)[number], string>>> & {
  /** Upper case. */
  readonly app: string
  readonly id: string
  readonly hostName: string
  readonly ipAddr: string
  readonly status: Status
  readonly port: Port
  readonly securePort: Port
  readonly countryId: number
  readonly dataCenter: { readonly class: string; readonly name: string; readonly metadata?: Readonly<Record<string, string>> }
  readonly lease: LeaseTimes
  readonly metadata: Readonly<Record<string, string>>
  /** When it last changed, by its own clock; undefined where it does not say. */
  readonly dirty: number | undefined
}

export type InstanceLimits = {
  /** Seconds of a lease. Default 3,600. */
  readonly longestLease: number
  /** Characters of all that an instance says of itself. Default 65,536. */
  readonly instanceSize: number
}

const MY_OWN = 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo'

type Said = Readonly<Record<string, unknown>>
const isSaid = (value: unknown): value is Said => typeof value === 'object' && value !== null && !Array.isArray(value)

const wrong = (what: string): RegistryFault => new RegistryFault(400, `Cannot register the instance: ${what}`)

/** What a server takes. @throws {RegistryFault} 400, naming the field */
export function checkInstance(value: unknown, { longestLease, instanceSize }: InstanceLimits): EurekaInstance {
  const instance = readInstance(value)
  if (JSON.stringify(instance).length > instanceSize)
    throw wrong(`what it says of itself is longer than ${instanceSize} characters; shorten its "metadata"`)
  const { app, id, lease } = instance
  checkName(app, 'app')
  checkName(id, 'instanceId')
  if (lease.duration > longestLease)
    throw wrong(`"leaseInfo.durationInSecs" is ${lease.duration}, and a lease ends after ${longestLease} seconds at most`)
  return instance
}

/** @throws {RegistryFault} 400, naming the field */
export function readInstance(value: unknown): EurekaInstance {
  if (!isSaid(value)) throw wrong('the body is to be {"instance": {…}}, or the same in XML')
  const hostName = needed(value, 'hostName')
  const center = value['dataCenterInfo'] ?? { '@class': MY_OWN, name: 'MyOwn' }
  if (!isSaid(center)) throw wrong('"dataCenterInfo" is to be an object with "@class" and "name"')
  const centerMetadata = recordOf(center['metadata'], 'dataCenterInfo.metadata')
  return {
    ...Object.fromEntries(TEXTS.flatMap((name) => pair(name, text(value, name)))),
    app: needed(value, 'app').toUpperCase(),
    id: text(value, 'instanceId') ?? text(value, 'id') ?? hostName,
    hostName,
    ipAddr: text(value, 'ipAddr') ?? hostName,
    status: statusOf(value['status'] ?? 'UP'),
    port: portOf(value, 'port', true),
    securePort: portOf(value, 'securePort', false),
    countryId: whole(value['countryId'] ?? 1, 'countryId', 0, 2 ** 31 - 1),
    dataCenter: {
      class: text(center, '@class') ?? MY_OWN,
      name: text(center, 'name') ?? 'MyOwn',
      ...(Object.keys(centerMetadata).length > 0 && { metadata: centerMetadata }),
    },
    lease: leaseOf(value['leaseInfo']),
    metadata: recordOf(value['metadata'], 'metadata'),
    dirty: value['lastDirtyTimestamp'] === undefined ? undefined : timestamp(value['lastDirtyTimestamp'], 'lastDirtyTimestamp'),
  }
}

const pair = (name: string, value: string | undefined): [string, string][] => (value === undefined ? [] : [[name, value]])

/** Names stand in paths, where clients do not agree on how to write a slash. @throws {RegistryFault} 400 */
function checkName(name: string, field: string): void {
  if (/^[\p{L}\p{N}_.:~@!$&'()*+,;= -]{1,255}$/u.test(name) && !/^\.+$/.test(name)) return
  const shown = JSON.stringify(name.slice(0, 60))
  throw wrong(`"${field}" ${shown} is to be 1 to 255 letters, digits and . _ : - ~ @; without "/", "%", "?" and "#"`)
}

/** @throws {RegistryFault} 400 */
export function statusOf(value: unknown): Status {
  const status = String(value).toUpperCase() as Status
  if (STATUSES.includes(status)) return status
  throw new RegistryFault(400, `There is no status ${JSON.stringify(String(value).slice(0, 40))}: give ${STATUSES.join(', ')}`)
}

/** @throws {RegistryFault} 400 */
export function timestamp(value: unknown, field: string): number {
  return whole(value, field, 0, Number.MAX_SAFE_INTEGER)
}

function text(value: Said, field: string): string | undefined {
  const said = value[field]
  if (said === undefined || said === null || said === '') return undefined
  if (typeof said !== 'string') throw wrong(`"${field}" is to be text`)
  if (!printable(said)) throw wrong(`"${field}" has characters that cannot be printed`)
  return said
}
const printable = (said: string): boolean => said.isWellFormed() && !/\p{Cc}/u.test(said)

function needed(value: Said, field: string): string {
  const said = text(value, field)
  if (said === undefined) throw wrong(`it has no "${field}"`)
  return said
}

function whole(value: unknown, field: string, least: number, most: number): number {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number
  throw wrong(`"${field}" is to be a whole number from ${least} to ${most}`)
}

function portOf(value: Said, field: string, enabled: boolean): Port {
  const said = value[field]
  if (said === undefined || said === null) return { port: enabled ? 7001 : 7002, enabled: false }
  if (!isSaid(said)) return { port: whole(said, field, 0, 65_535), enabled }
  const on = said['@enabled']
  return {
    port: whole(said['$'], field, 0, 65_535),
    enabled: on === undefined ? enabled : on === true || on === 'true',
  }
}

function leaseOf(said: unknown): LeaseTimes {
  if (said !== undefined && said !== null && !isSaid(said)) throw wrong('"leaseInfo" is to be an object')
  const seconds = (name: string, otherwise: number): number =>
    whole(said?.[name] ?? otherwise, `leaseInfo.${name}`, 1, 2 ** 31 - 1)
  const duration = seconds('durationInSecs', 90)
  return { renewal: Math.min(seconds('renewalIntervalInSecs', Math.max(1, Math.floor(duration / 3))), duration), duration }
}

/** @throws {RegistryFault} 400 */
export function recordOf(said: unknown, field: string): Readonly<Record<string, string>> {
  if (said === undefined || said === null) return {}
  if (!isSaid(said)) throw wrong(`"${field}" is to be an object of texts`)
  return Object.fromEntries(
    Object.entries(said).flatMap(([key, value]) => {
      // Java's name of an empty map.
      if (key === '@class' || value === null) return []
      if (!['string', 'number', 'boolean'].includes(typeof value)) throw wrong(`"${field}.${key.slice(0, 60)}" is to be text`)
      const each = String(value)
      if (!key.isWellFormed() || !each.isWellFormed() || `${key}${each}`.includes('\0'))
        throw wrong(`"${field}" has characters that are none`)
      return [[key, each]]
    }),
  )
}

/** What the server says beside what an instance said. */
export type RegistryRecord = {
  readonly status: Status
  readonly overridden: Status
  readonly action: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** Milliseconds since the epoch, for people. */
  readonly registered: number
  readonly renewed: number
  readonly up: number
  readonly updated: number
}

/** As Eureka's servers write it in JSON. */
export function instanceJson(instance: EurekaInstance, record: RegistryRecord): Readonly<Record<string, unknown>> {
  const { app, id, hostName, ipAddr, port, securePort, countryId, dataCenter, lease, metadata, dirty } = instance
  return {
    instanceId: id,
    hostName,
    app,
    ipAddr,
    status: record.status,
    overriddenStatus: record.overridden,
    port: { $: port.port, '@enabled': String(port.enabled) },
    securePort: { $: securePort.port, '@enabled': String(securePort.enabled) },
    countryId,
    dataCenterInfo: {
      '@class': dataCenter.class,
      name: dataCenter.name,
      ...(dataCenter.metadata && { metadata: dataCenter.metadata }),
    },
    leaseInfo: {
      renewalIntervalInSecs: lease.renewal,
      durationInSecs: lease.duration,
      registrationTimestamp: record.registered,
      lastRenewalTimestamp: record.renewed,
      evictionTimestamp: 0,
      serviceUpTimestamp: record.up,
    },
    metadata: Object.keys(metadata).length === 0 ? { '@class': 'java.util.Collections$EmptyMap' } : metadata,
    ...Object.fromEntries(TEXTS.flatMap((name) => pair(name, instance[name]))),
    isCoordinatingDiscoveryServer: 'false',
    lastUpdatedTimestamp: String(record.updated),
    lastDirtyTimestamp: String(dirty ?? record.updated),
    actionType: record.action,
  }
}

/** The same value in XML: `@` begins an attribute, `$` is the text. */
export function xmlOf(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((each) => xmlOf(name, each)).join('')
  if (!isSaid(value)) return `<${name}>${escapeXml(String(value))}</${name}>`
  const attributes = Object.entries(value).flatMap(([key, each]) =>
    key.startsWith('@') && typeof each === 'string' ? [` ${key.slice(1)}="${escapeXml(each)}"`] : [],
  )
  const inside = Object.entries(value).map(([key, each]) => {
    if (key === '$') return escapeXml(String(each))
    if (key.startsWith('@')) return ''
    if (name === 'metadata') return xmlOf(nameOfKey(key), each)
    return xmlOf(key === 'overriddenStatus' ? 'overriddenstatus' : key, each)
  })
  return `<${name}${attributes.join('')}>${inside.join('')}</${name}>`
}

/** The XML of an instance as the value that its JSON would be. @throws {RegistryFault} 400 */
export function valueOfXml({ name, children }: Element): unknown {
  if (name !== 'instance') throw wrong(`the document is to be an <instance>, and is a <${name.slice(0, 60)}>`)
  return Object.fromEntries(
    children.map((child) => {
      const { attributes, text: said } = child
      if (child.name === 'port' || child.name === 'securePort')
        return [child.name, { $: said.trim(), ...(attributes['enabled'] !== undefined && { '@enabled': attributes['enabled'] }) }]
      if (child.name === 'metadata') return [child.name, keyed(child)]
      if (child.name === 'leaseInfo')
        return [child.name, Object.fromEntries(child.children.map((each) => [each.name, each.text.trim()]))]
      if (child.name === 'dataCenterInfo') return [child.name, centerOf(child)]
      return [child.name, said.trim()]
    }),
  )
}

const keyed = ({ children }: Element): Said => Object.fromEntries(children.map((each) => [keyOfName(each.name), each.text]))

function centerOf({ attributes, children }: Element): Said {
  const at = (name: string): Element | undefined => children.find((each) => each.name === name)
  const metadata = at('metadata')
  return {
    '@class': attributes['class'] ?? MY_OWN,
    name: at('name')?.text.trim() ?? 'MyOwn',
    ...(metadata && { metadata: keyed(metadata) }),
  }
}
