import { resolve } from 'node:path'
import type { OperatorPart } from '@dure/operator'
import { CallError } from 'dure/contract'
import { describeThrown } from 'dure/contract/internal'
import { keepAlive, realRuntime } from 'dure/runtime'
import { socketsOf, start, type Door, type NetworkOptions, type Running, type System } from 'dure/service'
import { prepareDirectory } from './data.ts'
import { consoleDoors, isConsole } from './console-doors.ts'
import { control, listingOf } from './control/control.ts'
import { servicesTable } from './listing.ts'
import type { Port } from './commands/parameters.ts'
import { registryAt } from './commands/registry-library.ts'
import { contractsOf, loadSystem } from './load.ts'
import { loggerOf, sayTo, type LogStyle } from './log.ts'
import { requestLines } from './requests.ts'
import { CliError, EXIT, paint, print, type Shell } from './shell.ts'
import type { Url } from './watched.ts'

export type RunOptions = {
  readonly file: string | undefined
  readonly data: string
  readonly ports: readonly Port[]
  readonly log: LogStyle
  /** A Eureka server or etcd, in place of the registry that the system says. */
  readonly registry?: string | undefined
  /** How it reaches its parts on other hosts; undefined: all of them are on this one. */
  readonly network?: NetworkOptions | undefined
  /** What of it runs in this process, others running the rest; undefined: all of it. */
  readonly part?: readonly string[] | undefined
  /** Brings a console, and a collector, to a system that lists none. */
  readonly console?: boolean | undefined
}

/** Runs a system in this process until somebody wants it to end, then lets it finish what is under way. */
export async function runSystem(shell: Shell, options: RunOptions): Promise<void> {
  // Who waits for others has nothing else that would keep the process.
  const alive = keepAlive()
  try {
    await run(shell, options)
  } finally {
    alive.stop()
  }
}

async function run(shell: Shell, options: RunOptions): Promise<void> {
  const { system, file } = await loadSystem(options.file, shell.cwd)
  const directory = resolve(shell.cwd, options.data)
  prepareDirectory(directory)
  const doors = await doorsFor(system, options)
  checkSockets(shell, doors, directory)
  const { part } = options
  // Everything is loaded by now: who takes the place of another goes on when that one has left.
  if (shell.supervised !== undefined && !(await shell.supervised.loaded())) return
  const watched = await shell.watched?.loaded()
  if (shell.watched !== undefined && watched === undefined) return
  const pretty = options.log !== 'json'
  const say = sayTo(shell, options.log, system.name)
  const { running, urls } = await runPart(shell, options, { ...system, doors }, directory)
  shell.supervised?.placing(running.place)
  // Whoever reads that it is ready may end it at once.
  const stopped = shell.stopped()
  if (shell.supervised !== undefined) shell.supervised.ready({ urls })
  else if (pretty && watched?.again !== true)
    print(shell, welcome({ shell, system, file, directory, urls, part, log: options.log }))
  else if (!pretty) say('info', 'Ready', { pid: process.pid, directory, urls })
  shell.watched?.ready(urls)

  const reason = await stopped
  const quiet = shell.watched?.replaced() === true
  if (pretty && !quiet) say('info', 'Stopping: finishing what is under way', { reason })
  await running.stop(shell.supervised?.manner())
  if (!quiet) say('info', 'Stopped', pretty ? {} : { reason })
}

/** Starts what of a system runs in this process, or in this thread; tells where its doors are. */
export async function runPart(
  shell: Shell,
  { log: style, registry, part, network }: RunOptions,
  system: System,
  directory: string,
): Promise<{ readonly running: Running; readonly urls: readonly Url[] }> {
  // Which lines are written is changed while it runs, so the logger writes whatever it is given.
  const log = style === 'json' ? undefined : loggerOf(shell, 'debug')
  const { sockets, copy } = shell.supervised ?? {}
  const telemetry = ofBuild(shell, style === 'dev' ? shownToDeveloper(shell, system.telemetry) : system.telemetry)
  const running = await begin(
    { ...system, telemetry, registry: registry === undefined ? system.registry : await registryAt(shell, registry) },
    {
      ...{ directory, sockets, copy, metadata: placeOf(shell.process.env) },
      ...(log && { log, logLevel: 'info' as const }),
      ...(part && { part }),
      ...(network && { network }),
    },
  )
  const urls = running.doors.flatMap(({ url, page }, i) =>
    url === undefined ? [] : [{ door: system.doors[i]?.name ?? '', url, ...(page && { page }) }],
  )
  return { running, urls }
}

/** The doors of a system where its command line wants them, and one for who owns the directory. */
export async function doorsFor(
  { doors: own }: System,
  { ports, log, part, console }: Pick<RunOptions, 'ports' | 'log' | 'part' | 'console'>,
): Promise<readonly Door[]> {
  // A part that opens no doors loads none.
  const opens = part === undefined || part.includes('doors')
  const brought = console === true && opens ? await consoleDoors(own) : []
  const moved = moveDoors([...own, ...brought], ports, { unnamed: own })
  return withControl(log === 'dev' ? moved.map(documented) : moved)
}

/** @throws {CliError} for a socket that was handed to this process and that none of the doors would take: its callers would wait for ever */
export function checkSockets({ supervised }: Shell, doors: readonly Door[], directory: string): void {
  const group = { name: 'doors', members: ['doors'], runsIn: 'process', copies: 1, onlyOne: undefined } as const
  const known = socketsOf(group, { doors, directory }).sockets.map(({ name }) => name)
  for (const name of supervised?.sockets.keys() ?? [])
    if (!known.includes(name))
      throw new CliError(
        `Cannot take the socket "${name}": no door listens by that name; there are ${known.join(', ')}. In a unit of systemd say it with FileDescriptorName=`,
      )
}

/** Whoever writes a service wants to see all it does: every trace is kept, and requests are told as they are answered. */
function shownToDeveloper(shell: Shell, telemetry: System['telemetry']): System['telemetry'] {
  if (telemetry === false) return false
  return { ...telemetry, sampling: 1, exporters: [...(telemetry.exporters ?? []), requestLines(shell)] }
}

/** Which build it is, where the system does not say and its environment does: two of them can be compared. */
function ofBuild({ process: { env } }: Shell, telemetry: System['telemetry']): System['telemetry'] {
  const version = env?.['DURE_VERSION']
  return telemetry === false || version === undefined || version === '' ? telemetry : { version, ...telemetry }
}

async function begin(system: System, options: Parameters<typeof start>[1]): Promise<Running> {
  try {
    return await start(system, options)
  } catch (cause) {
    const { message } = describeThrown(cause)
    // A message that names what could not be done is all a user needs; anything else is a defect and keeps its stack.
    if (message.startsWith('Cannot ') || (cause instanceof CallError && cause.code === 'FAILED_PRECONDITION'))
      throw new CliError(message, { cause })
    throw cause
  }
}

export function welcome(options: {
  readonly shell: Shell
  readonly system: System
  readonly file: string
  readonly directory: string
  readonly urls: readonly Url[]
  readonly part?: readonly string[] | undefined
  readonly log?: LogStyle
}): string {
  const { shell, system, file, directory, urls, part, log } = options
  const listing = listingOf(system.name, contractsOf(system))
  const first = listing.services.flatMap((s) =>
    s.operations.filter(({ kind }) => kind === 'query').map((o) => `${s.name}.${o.name}`),
  )[0]
  const example =
    first ?? listing.services.flatMap((s) => s.operations.map((o) => `${s.name}.${o.name}`))[0] ?? 'service.operation'
  return [
    '',
    `${paint(shell, 'bold', system.name)}${part === undefined ? '' : ` (${part.join(', ')})`} is ${paint(shell, 'green', 'ready')} in ${Math.round(realRuntime().clock.monotonic())} ms`,
    '',
    ...urls.filter(isConsole).map(({ door, page }) => `  ${door.padEnd(8)} ${paint(shell, 'cyan', page!)} (good once)`),
    ...urls
      .filter((one) => !isConsole(one))
      .flatMap(({ door, url, page }) => [
        `  ${door.padEnd(8)} ${paint(shell, 'cyan', url)}`,
        ...(page === undefined ? [] : [`  ${'docs'.padEnd(8)} ${paint(shell, 'cyan', page)}`]),
      ]),
    `  ${'data'.padEnd(8)} ${directory}`,
    `  ${'system'.padEnd(8)} ${file}`,
    '',
    servicesTable(listing, shell),
    '',
    ...tries({
      shell,
      example,
      all: log === 'dev',
      console: urls.some(isConsole),
      data: directory === resolve(shell.cwd, '.dure') ? '' : ` --data ${directory}`,
    }),
    '',
  ].join('\n')
}

function tries(options: {
  readonly shell: Shell
  readonly example: string
  readonly all: boolean
  readonly console: boolean
  readonly data: string
}): readonly string[] {
  const { shell, example, all, console, data } = options
  const first = `dure call ${example}${data}`
  if (!all) return [`  Try: ${first}`]
  const rows = [
    [first, 'asks it'],
    ...(console ? [[`dure console --open${data}`, 'all of it in the browser'] as const] : []),
    [`dure trace${data}`, 'what each request led to'],
    [`dure lag${data}`, 'how far each consumer is behind'],
    [`dure dead groups${data}`, 'what failed for good'],
    ['dure sim', 'crashes it between any two steps'],
    ['dure dev --split', 'each service in its own process'],
  ] as readonly (readonly [string, string])[]
  const width = Math.max(...rows.map(([command]) => command.length))
  return [
    '  Try, in another terminal:',
    ...rows.map(([command, what]) => `    npx ${command.padEnd(width)}  ${paint(shell, 'dim', what)}`),
  ]
}

type Movable = Door & { readonly at: (address: { readonly port: number }) => Door }
const movable = (door: Door): door is Movable => typeof (door as Partial<Movable>).at === 'function'

/** Whoever writes a service gets a page of its operations, at a door that has one. */
function documented(door: Door): Door {
  const { documented: more } = door as Partial<{ readonly documented: () => Door }>
  return typeof more === 'function' ? more() : door
}

/** Opens doors at other ports than their system says. @param options `unnamed`: of which a port without a name is meant */
function moveDoors(doors: readonly Door[], ports: readonly Port[], options: { unnamed: readonly Door[] }): readonly Door[] {
  let moved = doors
  for (const { door: name, port } of ports) {
    const candidates = (name === undefined ? options.unnamed : doors).filter(movable)
    const chosen = name === undefined ? candidates : candidates.filter((door) => door.name === name)
    if (chosen.length !== 1) {
      const names = candidates.map((door) => door.name).join(', ')
      const has = candidates.length === 0 ? 'the system has no door with a port' : `doors with a port are: ${names}`
      throw new CliError(`Cannot use --port ${name === undefined ? port : `${name}=${port}`}: ${has}; write --port NAME=N`, {
        exitCode: EXIT.misuse,
      })
    }
    moved = moved.map((door) => (door.name === chosen[0]!.name && movable(door) ? door.at({ port }) : door))
  }
  return moved
}

const withControl = (doors: readonly Door[]): readonly Door[] =>
  doors.some(({ name }) => name === 'control') ? doors : [...doors, control({ parts: doors.flatMap(partsOf) })]

/** What a door adds to what operators may ask. */
const partsOf = (door: Door): readonly OperatorPart[] => (door as { readonly parts?: readonly OperatorPart[] }).parts ?? []

/** What callers choose instances by, as the environment says it of this machine. */
function placeOf(env: Readonly<Record<string, string | undefined>> = {}): Readonly<Record<string, string>> {
  const said = { zone: env['DURE_ZONE'], weight: env['DURE_WEIGHT'] }
  return Object.fromEntries(Object.entries(said).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
