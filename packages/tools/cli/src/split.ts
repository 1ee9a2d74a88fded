import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { realRuntime } from 'dure/runtime'
import { groupsOf, socketsOf, type Group, type System } from 'dure/service'
import { placed, type ProcessOptions, type Supervisor } from 'dure/supervisor'
import type { Act } from 'dure/telemetry'
import { createActs } from 'dure/telemetry/internal'
import { askRecord, serveSupervisor } from './control/control.ts'
import { portWords } from './commands/parameters.ts'
import { REGISTRY } from './commands/registry-library.ts'
import { prepareDirectory } from './data.ts'
import { loadSystem } from './load.ts'
import { sayTo } from './log.ts'
import { checkSockets, doorsFor, runPart, welcome, type RunOptions } from './run.ts'
import { paint, print, type Shell } from './shell.ts'
import { begin, reportOf } from './supervision.ts'
import type { Url } from './watched.ts'

const BIN = fileURLToPath(new URL('../bin/dure.js', import.meta.url))

/**
 * Runs a system as its placement says, each group in a process of its own (with `threads`: in a thread of this one), until
 * somebody wants it to end. SIGUSR2 replaces all processes one after the other.
 */
export async function splitSystem(
  shell: Shell,
  options: Omit<RunOptions, 'part'> & {
    readonly replicas?: Readonly<Record<string, number>> | undefined
    readonly threads?: boolean | undefined
    /** More for the command line of each process. */
    readonly words?: readonly string[]
  },
): Promise<void> {
  const { system, file } = await loadSystem(options.file, shell.cwd)
  const directory = resolve(shell.cwd, options.data)
  prepareDirectory(directory)
  const doors = await doorsFor(system, options)
  checkSockets(shell, doors, directory)
  const watched = await shell.watched?.loaded()
  if (shell.watched !== undefined && watched === undefined) return
  const whole = { ...system, doors }
  const all = placedGroups(whole, options)
  const groups = all.filter(({ runsIn }) => runsIn !== 'main')
  const main = all.find(({ runsIn }) => runsIn === 'main')
  const report = sayTo(shell, options.log, system.name)
  const words = [
    ...['--data', directory, '--log', options.log],
    ...(options.console === true ? ['--console'] : []),
    ...(options.words ?? []),
  ]
  // A copy that is added later has a number behind its name.
  const width = Math.max(...groups.map(({ name, onlyOne }) => name.length + (onlyOne === undefined ? 2 : 0)))
  const processOf = (group: Group): ProcessOptions => ({
    name: group.name,
    program: [
      ...[BIN, 'start', file, ...group.members, ...words],
      ...(group.members.includes('doors') ? portWords(options.ports) : []),
    ],
    cwd: shell.cwd,
    // Not among its words: lists of processes show those, and it may hold a password.
    ...(options.registry !== undefined && { env: { [REGISTRY]: options.registry } }),
    ...socketsOf(group, { doors, directory }),
  })
  const supervisor = await begin({
    directory,
    runtime: realRuntime(),
    processes: groups.map(processOf),
    handed: shell.supervised?.sockets,
    onLine: ({ name, text }) => shell.process.stderr.write(`${labelled(shell, options.log, name.padEnd(width), text)}\n`),
    onEvent: (what) => report(...reportOf(what, main === undefined ? 'Process' : 'Thread')),
  })
  // Threads beside a part of this very process stay where they are.
  const services = main === undefined ? { placed: placed({ system: whole, groups, supervisor, process: processOf }) } : {}
  const record = system.audit && ((act: Act) => askRecord(directory, act))
  const acts = createActs({ record, runtime: realRuntime() })
  const served = await serveSupervisor({ directory, supervisor, record, ...services }).catch(async (error: unknown) => {
    await supervisor.stop()
    throw error
  })
  const replace = (): void => {
    report('info', 'Replacing every process, one after the other')
    // Who sends a signal is not known.
    const act = { action: 'processes.replace', actor: 'SIGUSR2', subject: 'all' }
    acts
      .along(act, () => supervisor.replace())
      .then(
        () => report('info', 'Every process has been replaced'),
        (error: unknown) => report('error', (error as Error).message),
      )
  }
  process.on('SIGUSR2', replace)
  let here: Awaited<ReturnType<typeof runPart>> | undefined
  try {
    here = main && (await runPart(shell, { ...options, part: main.members }, { ...system, doors }, directory))
    // Whoever reads that it is ready may end it at once.
    const stopped = shell.stopped()
    const theirs = supervisor.ready.flatMap((info) => (info as { urls?: readonly Url[] } | null)?.urls ?? [])
    const urls = [...theirs, ...(here?.urls ?? [])]
    if (options.log !== 'json') {
      if (watched?.again !== true) print(shell, welcome({ shell, system, file, directory, urls, log: options.log }))
      print(shell, processesText(shell, supervisor, main))
    } else report('info', 'Ready', { pid: process.pid, directory, urls, processes: supervisor.processes() })
    shell.supervised?.ready({ urls })
    shell.watched?.ready(urls)
    const reason = await stopped
    if (shell.watched?.replaced() !== true) report('info', 'Stopping: finishing what is under way', { reason })
  } finally {
    process.off('SIGUSR2', replace)
    await served.close()
    await here?.running.stop()
    await supervisor.stop()
  }
  if (shell.watched?.replaced() !== true) report('info', 'Stopped')
}

/** Its groups, in threads where a command line wants that and its placement says none. */
function placedGroups(
  system: System,
  {
    replicas,
    threads,
  }: { readonly replicas?: Readonly<Record<string, number>> | undefined; readonly threads?: boolean | undefined },
): readonly Group[] {
  const groups = groupsOf(system, replicas)
  if (threads !== true || groups.some(({ runsIn }) => runsIn !== 'process')) return groups
  return groupsOf({ ...system, placement: 'threads' }, replicas)
}

/** Whose line it is: in front for people, as a field for machines. */
function labelled(shell: Shell, log: RunOptions['log'], name: string, text: string): string {
  if (log !== 'json') return `${paint(shell, 'cyan', name)} ${paint(shell, 'dim', '|')} ${text}`
  return text.startsWith('{"') ? `{"process":${JSON.stringify(name.trim())},${text.slice(1)}` : text
}

function processesText(shell: Shell, supervisor: Supervisor, main: Group | undefined): string {
  const running = supervisor.processes()
  const width = Math.max(...[...running, ...(main === undefined ? [] : [main])].map(({ name }) => name.length))
  const rows = [
    ...running.map(({ name, pid, thread }) => ({ name, where: thread === undefined ? `process ${pid}` : `thread ${thread}` })),
    ...(main === undefined ? [] : [{ name: main.name, where: `process ${process.pid}, beside its supervisor` }]),
  ].map(({ name, where }) => `  ${name.padEnd(width)}  ${paint(shell, 'dim', where)}`)
  return [...rows, '', `  To replace all one after the other: kill -USR2 ${process.pid}`, ''].join('\n')
}
