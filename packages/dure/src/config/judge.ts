import type { AnySchema } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import { askedBy, bind, keysOf } from './bind.ts'
import { combine, type Effective } from './combine.ts'
import type { ConfigProblem } from './errors.ts'
import { keyAt } from './key.ts'
import { resolvePlaceholders, type Resolved } from './placeholders.ts'
import { isSealed, openValue, type ConfigKeys } from './sealed.ts'
import { isSecret } from './secret.ts'
import type { ConfigLayer, ConfigScalar, ConfigValue } from './source.ts'

/** Who has settings, below its name: `payment.timeout` is the `timeout` of `payment`. */
export type Configured = { readonly service: string; readonly schema: AnySchema }

/** A value with its place, as people are shown it. */
export type ShownValue = Pick<ConfigValue, 'from' | 'line' | 'revision'> & {
  /** Undefined when it is a secret. */
  readonly value: ConfigScalar | undefined
}

/** What a key stands for, and what it would stand for without that. */
export type ConfigEntry = ShownValue & {
  readonly key: string
  readonly secret: boolean
  readonly overrides: readonly ShownValue[]
}

export type Judged = {
  /** What each service gets; undefined where there are problems. */
  readonly values: ReadonlyMap<string, unknown> | undefined
  readonly problems: readonly ConfigProblem[]
  readonly entries: readonly ConfigEntry[]
  /** What each key stands for, secrets too: to compare it, and never to be shown. */
  readonly plain: ReadonlyMap<string, ConfigScalar>
  /** Keys below the name of a service that its schema does not name. */
  readonly unknown: readonly string[]
}

/** What layers come to for all services, or all that is wrong with them. Nothing that it says has a value of a secret in it. */
export async function judge(
  layers: readonly ConfigLayer[],
  services: readonly Configured[],
  keys: ConfigKeys | undefined,
): Promise<Judged> {
  const asked = new Map(services.map(({ service, schema }) => [service, askedBy(schema)]))
  const known = services.flatMap(({ service }) => keysOf(asked.get(service)!, service))
  const { values, problems: conflicts } = combine(layers, known)
  const unsealed = await unseal(values, keys)
  const { resolved, problems: unresolved } = resolvePlaceholders(values)
  const problems = [...conflicts, ...unsealed, ...unresolved]
  const unusable = new Set(problems.map(({ key }) => key))
  const plain = [...resolved].map(([key, { value }]) => [key, value] as const)
  const made = new Map<string, unknown>()
  const unknown: string[] = []
  /** Keys whose values, and all below them, are not shown. */
  const hidden = new Set<string>()
  for (const { service, schema } of services) {
    const bound = bind(plain, service, asked.get(service)!)
    unknown.push(...bound.unknown)
    const found =
      bound.problems.length > 0 ? { issues: bound.problems } : await validated(service, schema, bound.value, { values, resolved })
    if (found.issues === undefined) {
      made.set(service, frozen(found.value))
      for (const path of secretsIn(found.value, service)) hidden.add(path)
      continue
    }
    // Which of its values are secrets would be known when it fits.
    hidden.add(service)
    for (const one of found.issues) if (!unusable.has(one.key)) problems.push({ ...originOf(values, one.key), ...one })
  }
  const ok = problems.length === 0
  return { values: ok ? made : undefined, problems, entries: entriesOf(values, resolved, hidden), plain: new Map(plain), unknown }
}

/** Opens what is sealed, in place. */
async function unseal(values: Effective, keys: ConfigKeys | undefined): Promise<readonly ConfigProblem[]> {
  const problems: ConfigProblem[] = []
  let opened: readonly Uint8Array[] | undefined
  for (const [key, one] of values) {
    const { value, from, line } = one
    if (typeof value === 'string' && value.startsWith('{cipher}'))
      problems.push({
        from,
        line,
        key,
        why: 'it is encrypted for Spring Cloud Config, whose server decrypts it; encrypt it with "dure config encrypt"',
      })
    if (!isSealed(value)) continue
    try {
      opened ??= (await keys?.read()) ?? []
    } catch (error) {
      problems.push({ key, from, line, why: `it cannot be decrypted: ${describeThrown(error).message}` })
      continue
    }
    const plain = openValue(key, value, opened)
    if (plain !== undefined) values.set(key, { ...one, value: plain, secret: true })
    else if (keys === undefined)
      problems.push({
        from,
        line,
        key,
        why: 'it is encrypted, and the system has no key; give it one (`config: { sources, keys }`)',
      })
    else problems.push({ from, line, key, why: `it cannot be decrypted: no key of ${keys.name} has sealed it for this setting` })
  }
  return problems
}

type Known = { readonly values: Effective; readonly resolved: ReadonlyMap<string, Resolved> }

async function validated(
  service: string,
  schema: AnySchema,
  value: unknown,
  known: Known,
): Promise<{ readonly issues: readonly ConfigProblem[] } | { readonly issues?: undefined; readonly value: unknown }> {
  try {
    const result = await schema['~standard'].validate(value)
    if (result.issues === undefined) return { value: result.value as unknown }
    return {
      issues: result.issues.map(({ path = [], message }) => {
        const steps = path.map((step) => (typeof step === 'object' ? step.key : step))
        const key = steps.reduce<string>(
          (at, step) => (typeof step === 'number' ? `${at}[${step}]` : keyAt(at, String(step))),
          service,
        )
        const there = [...known.values.keys()].some((one) => one === key || isBelow(one, key))
        return { key, why: there ? withoutValues(message, key, known) : `it is not set: ${message}` }
      }),
    }
  } catch (error) {
    return {
      issues: [{ key: service, why: `its schema failed: ${withoutValues(describeThrown(error).message, service, known)}` }],
    }
  }
}

export const isBelow = (key: string, above: string): boolean => key.startsWith(`${above}.`) || key.startsWith(`${above}[`)

/** Libraries may say the value that does not fit: which of them are secrets nobody knows until all fit. */
function withoutValues(message: string, key: string, { values, resolved }: Known): string {
  let told = message
  for (const [one, { value }] of resolved) {
    if (one !== key && !isBelow(one, key)) continue
    const text = String(value)
    if (text === '' || !told.includes(text)) continue
    if (values.get(one)?.secret === true) return 'it does not fit its schema'
    if (text.length < 3) continue
    told = told.replaceAll(text, '[value]')
  }
  return told
}

function originOf(values: Effective, key: string | undefined): Pick<ConfigProblem, 'from' | 'line'> {
  if (key === undefined) return {}
  const found = values.get(key) ?? [...values].find(([one]) => isBelow(one, key))?.[1]
  return found === undefined ? {} : { from: found.from, line: found.line }
}

/** The keys of secrets in what a schema has made. */
function secretsIn(value: unknown, key: string, depth: number = 0): readonly string[] {
  if (isSecret(value)) return [key]
  if (typeof value !== 'object' || value === null || depth > 40) return []
  return Array.isArray(value)
    ? value.flatMap((one, at) => secretsIn(one, `${key}[${at}]`, depth + 1))
    : Object.entries(value).flatMap(([name, one]) => secretsIn(one, keyAt(key, name), depth + 1))
}

/** Plain values are the same for all calls, so that nobody may change them. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const plain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
  if (!plain) return value
  for (const one of Object.values(value)) frozen(one)
  return Object.freeze(value)
}

/** By their names, where nobody has said what they are. */
const SOUNDS_SECRET = /(?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|private[-_]?key|credentials?)(?:\[\d+\])?$/i

function entriesOf(
  values: Effective,
  resolved: ReadonlyMap<string, Resolved>,
  hidden: ReadonlySet<string>,
): readonly ConfigEntry[] {
  const secrets = new Set<string>()
  const add = (key: string): void => {
    if (secrets.has(key)) return
    secrets.add(key)
    // What a secret is made of is one.
    for (const one of resolved.get(key)?.of ?? []) add(one)
  }
  for (const [key, { secret, overrides }] of values)
    if (
      secret === true ||
      overrides.some((one) => one.secret === true || isSealed(one.value)) ||
      SOUNDS_SECRET.test(key) ||
      [...hidden].some((one) => one === key || isBelow(key, one))
    )
      add(key)
  // What is made of a secret is one as well, and so what that is made of.
  for (let before = -1; before < secrets.size;) {
    before = secrets.size
    for (const [key, { of }] of resolved) if (of.some((one) => secrets.has(one))) add(key)
  }
  const shownAs = ({ value, from, line, revision }: ConfigValue, secret: boolean): ShownValue => ({
    ...{ value: secret ? undefined : value, from, line, revision },
  })
  return [...values]
    .map(([key, value]) => {
      const secret = secrets.has(key)
      const counts = { ...value, value: resolved.get(key)?.value ?? value.value }
      return { key, secret, ...shownAs(counts, secret), overrides: value.overrides.map((one) => shownAs(one, secret)) }
    })
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
}
