import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'

/** What a key of configuration may stand for. An empty list or map is the empty text. */
export type ConfigScalar = string | number | boolean | null

/** A value as a source has it, and where that is. */
export type ConfigValue = {
  readonly value: ConfigScalar
  /** The file, variable or address: `config/application.yml`, `SHOP_PAYMENT__TIMEOUT`. */
  readonly from: string
  /** From 1 on, where it is known. */
  readonly line?: number | undefined
  /** Of what it was read from, where that has such a thing: a commit, a resource version. */
  readonly revision?: string | undefined
  /** It is never shown, whatever becomes of it. */
  readonly secret?: boolean | undefined
}

/** Values that belong together, as those of one file, by flat keys: `a.b[0].c`; what holds dots itself stands in brackets: `a[x.y]`. */
export type ConfigLayer = {
  readonly name: string
  readonly values: ReadonlyMap<string, ConfigValue>
  /** Its keys are written as variables of an environment are: letters of any case, `-` and `_` left out. */
  readonly relaxed?: boolean | undefined
}

/** What a source has at one moment, all of it; the first layer that has a key has its value. */
export type ConfigSnapshot = {
  readonly layers: readonly ConfigLayer[]
  readonly revision?: string | undefined
}

/** `since`, in milliseconds since the epoch: what it last had may be old from then on, because of `why`. */
export type ConfigFreshness =
  | { readonly state: 'fresh' }
  | { readonly state: 'stale'; readonly since: number; readonly why: string }

/** The port ConfigSource: somewhere that settings come from. */
export type ConfigSource = {
  /** Tells it apart from the others of its system. */
  readonly name: string
  /**
   * It is somewhere that can be away while this process works. What was last accepted of it is kept in the data directory then, and started
   * with when it is away.
   */
  readonly remote?: boolean | undefined
  /** What it has is this process's own, as its environment is: other processes of the system are not given it. */
  readonly perProcess?: boolean | undefined
  /**
   * What it has now: a whole, never half of a change.
   * @throws {ConfigError} `away` when it cannot be reached, else naming all that cannot be read in it
   */
  readonly read: () => Promise<ConfigSnapshot>
  /** `changed` is told that it may have something else to read; more often than needed does no harm. */
  readonly watch: (changed: () => void) => { readonly stop: () => void }
  readonly freshness: () => ConfigFreshness
  /** Lets go of what it holds; what is asked afterwards is refused. Idempotent. */
  readonly stop: () => Promise<void>
}

/** What a source is made with when a system starts. */
export type ConfigWorld = {
  /** The system's own folder. */
  readonly directory: string
  readonly runtime: Runtime
  readonly log: Logger
}

/** One way to serve the port, made when the system starts: `folder({ path })`, `environment({ prefix })`, … */
export type ConfigAdapter = (world: ConfigWorld) => ConfigSource | Promise<ConfigSource>
