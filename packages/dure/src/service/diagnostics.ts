import { CallError } from '../contract/contract.ts'
import { serviceOfCopy } from '../contract/internal.ts'
import type { ProfileKind, Runtime, Stall } from '../runtime/runtime.ts'
import type { LogLevel } from '../telemetry/telemetry.ts'
import type { Acts, LevelSetting, LogGate } from '../telemetry/internal.ts'
import type { Copies } from './copies.ts'

/** What one copy of a service is asked; each is done in the process that runs it. */
export type DiagnosisRequest =
  | { readonly what: 'level' }
  | { readonly what: 'set-level'; readonly level: LogLevel; readonly ms: number }
  | { readonly what: 'profile'; readonly kind: ProfileKind; readonly ms: number }
  | { readonly what: 'stalls'; readonly ms: number; readonly threshold: number }

export type Diagnosis<R extends DiagnosisRequest> = R['what'] extends 'profile'
  ? string
  : R['what'] extends 'stalls'
    ? readonly Stall[]
    : LevelSetting

/** Looks into a copy of a service, or changes how much it logs. */
export type DiagnoseCopy = <R extends DiagnosisRequest>(request: R) => Promise<Diagnosis<R>>

/** Milliseconds: a profile costs something while it lasts, and is kept in memory. */
export const LONGEST_DIAGNOSIS = 60_000
/** Milliseconds below which every process stalls. */
const SHORTEST_STALL = 20

/** What can be asked of the services of this process. One looks into it at a time. */
export function createDiagnoses({
  runtime,
  gate,
  ended,
}: {
  readonly runtime: Runtime
  readonly gate: LogGate
  /** Fires when the process is to end. */
  readonly ended: AbortSignal
}): (service: string) => DiagnoseCopy {
  let busy: string | undefined
  const alone = async <T>(what: string, ms: number, look: () => Promise<T>): Promise<T> => {
    if (!(ms > 0 && ms <= LONGEST_DIAGNOSIS))
      throw new CallError('INVALID_ARGUMENT', `Cannot take a ${what} for ${ms} ms: give a time of up to ${LONGEST_DIAGNOSIS} ms`)
    if (busy !== undefined)
      throw new CallError(
        'FAILED_PRECONDITION',
        `Cannot take a ${what}: a ${busy} of this process is being taken; wait for its end`,
      )
    busy = what
    try {
      return await look()
    } finally {
      busy = undefined
    }
  }
  const { diagnose } = runtime
  const answer = async (service: string, request: DiagnosisRequest): Promise<unknown> => {
    switch (request.what) {
      case 'level':
        return gate.levelOf(service)
      case 'set-level':
        return refusing(() => gate.setLevel(service, request.level, request.ms))
      case 'profile':
        return alone('profile', request.ms, () => there(diagnose).profile(request.kind, request.ms, ended))
      case 'stalls':
        if (!(request.threshold >= SHORTEST_STALL))
          throw new CallError(
            'INVALID_ARGUMENT',
            `Cannot watch for stalls of ${request.threshold} ms: give ${SHORTEST_STALL} or more`,
          )
        return alone('watch for stalls', request.ms, () => there(diagnose).stalls({ ...request, signal: ended }))
    }
  }
  return (service) => (request) => answer(service, request) as Promise<Diagnosis<typeof request>>
}

/** Of what no operator looks into. */
export const undiagnosed: DiagnoseCopy = () =>
  Promise.reject(new CallError('UNIMPLEMENTED', 'Cannot look into this service: it is a part of Dure itself'))

function refusing<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new CallError('INVALID_ARGUMENT', (error as Error).message)
  }
}

function there<T>(diagnose: T | undefined): T {
  if (diagnose !== undefined) return diagnose
  throw new CallError('UNIMPLEMENTED', 'Cannot look into the process: its runtime is none of a process')
}

/** The level of one copy of a service. */
export type CopyLevel = LevelSetting & { readonly service: string; readonly copy: string }

type Who = { readonly by?: string | undefined; readonly reason?: string | undefined }

/** The same over all processes of a system. Copies are called as everywhere: `orders`, `orders#2`. */
export type Diagnostics = {
  /** From which level on copies log, as far as they answer. */
  readonly levels: () => Promise<readonly CopyLevel[]>
  /**
   * Has a service, in all its copies, or one copy of it log from this level on for `ms` milliseconds (default 10 minutes), then as before.
   * @throws {CallError} NOT_FOUND when nothing of that name runs, INVALID_ARGUMENT for another level
   */
  readonly setLevel: (
    options: Who & { readonly of: string; readonly level: LogLevel; readonly ms?: number | undefined },
  ) => Promise<readonly CopyLevel[]>
  /**
   * Profiles the process that runs a copy of a service, for `ms` milliseconds (default 10 seconds): JSON text that Chrome opens.
   * @throws {CallError} FAILED_PRECONDITION while it is being looked into already
   */
  readonly profile: (
    options: Who & { readonly of: string; readonly kind?: ProfileKind | undefined; readonly ms?: number | undefined },
  ) => Promise<{ readonly copy: string; readonly profile: string }>
  /** What kept its event loop for longer than `threshold` milliseconds (default 100), and where it was. */
  readonly stalls: (
    options: Who & { readonly of: string; readonly ms?: number | undefined; readonly threshold?: number | undefined },
  ) => Promise<{ readonly copy: string; readonly stalls: readonly Stall[] }>
}

type Asked = { readonly copy: string; readonly diagnose: DiagnoseCopy }

/** @param copies those that can be asked now, in this process and in others */
export function createDiagnostics({
  copies,
  acts,
}: {
  readonly copies: () => readonly Copies<Asked>[]
  readonly acts: Acts
}): Diagnostics {
  const all = (): readonly Asked[] => copies().flatMap((one) => one.copies)
  const meant = (of: string): readonly [Asked, ...Asked[]] => {
    const found = all().filter(({ copy }) => copy === of || serviceOfCopy(copy) === of)
    const [first, ...more] = found
    if (first !== undefined) return [first, ...more]
    const names = all().map(({ copy }) => copy)
    throw new CallError('NOT_FOUND', `Cannot look into "${of}": nothing of that name runs; there are ${names.join(', ')}`)
  }
  const told = ({ copy }: Asked, setting: LevelSetting): CopyLevel => ({ service: serviceOfCopy(copy), copy, ...setting })
  /** What is done when something is wrong must not wait for the audit log. */
  const done = <T>(
    action: string,
    { of, by, reason, ...about }: Who & { readonly of: string },
    work: () => Promise<T>,
  ): Promise<T> =>
    acts.along({ action, actor: by ?? '', subject: of, about, ...(reason !== undefined && { personal: { reason } }) }, work)
  return {
    levels: async () => {
      const asked = await Promise.all(
        all().map(async (one) =>
          one
            .diagnose({ what: 'level' })
            .then((setting) => told(one, setting))
            .catch(() => undefined),
        ),
      )
      return asked.filter((one) => one !== undefined)
    },
    setLevel: async ({ ms = 600_000, ...options }) => {
      const { of, level } = options
      const found = meant(of)
      return done('log.level', { ...options, ms } as Who & { readonly of: string }, () =>
        Promise.all(found.map(async (one) => told(one, await one.diagnose({ what: 'set-level', level, ms })))),
      )
    },
    profile: async ({ ms = 10_000, kind = 'cpu', ...options }) => {
      const [one] = meant(options.of)
      return done('process.profile', { ...options, kind, ms } as Who & { readonly of: string }, async () => ({
        copy: one.copy,
        profile: await one.diagnose({ what: 'profile', kind, ms }),
      }))
    },
    stalls: async ({ ms = 10_000, threshold = 100, ...options }) => {
      const [one] = meant(options.of)
      return done('process.stalls', { ...options, ms, threshold } as Who & { readonly of: string }, async () => ({
        copy: one.copy,
        stalls: await one.diagnose({ what: 'stalls', ms, threshold }),
      }))
    },
  }
}
