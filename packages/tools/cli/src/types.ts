import { spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants, setPriority } from 'node:os'
import { dirname, join } from 'node:path'
import { nearest, readJson } from './project.ts'

/** Looks at the types of a project beside what runs. */
export type TypeCheck = {
  /** Begins anew; what was under way is of no interest any more. */
  readonly look: () => void
  readonly stop: () => void
}

const MOST_SHOWN = 5
/** Of what the compiler says; more is not read. */
const MOST_BYTES = 1_000_000

/**
 * Has the compiler of a project look at it, in the background and with what the processor has to spare; tells of errors,
 * and when there are none any more. A project without a compiler, or without a tsconfig.json, has nothing to tell.
 */
export function checkTypes(file: string, tell: (text: string, ok: boolean) => void): TypeCheck {
  const config = nearest('tsconfig.json', file)
  const compiler = compilerOf(file)
  if (config === undefined || compiler === undefined) return { look: () => {}, stop: () => {} }
  let running: ChildProcess | undefined
  let failed = false
  const stop = (): void => {
    if (running?.pid !== undefined) endAll(running.pid)
    running = undefined
  }
  const look = (): void => {
    stop()
    const child = startCompiler(compiler, config)
    running = child
    let text = ''
    child.stdout!.on('data', (chunk) => {
      if (text.length < MOST_BYTES) text += String(chunk)
    })
    child.once('error', () => {})
    child.once('close', () => {
      if (running !== child) return
      running = undefined
      const errors = typeErrors(text)
      if (errors.length > 0) tell(errorsText(errors), false)
      else if (failed) tell('The types are in order again', true)
      failed = errors.length > 0
    })
  }
  return { look, stop }
}

function startCompiler(compiler: string, config: string): ChildProcess {
  const root = dirname(config)
  const packages = nearest('node_modules', config)
  // What it found out before, beside the packages.
  const record =
    packages === undefined ? [] : ['--incremental', '--tsBuildInfoFile', join(packages, '.cache/dure/types.tsbuildinfo')]
  const child = spawn(process.execPath, [compiler, '-p', config, '--noEmit', '--pretty', 'false', ...record], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'ignore'],
    // The compiler may be a program that this one starts: both end together.
    detached: true,
  })
  try {
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It is over, or this system has no priorities.
  }
  return child
}

function endAll(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It is over.
  }
}

function compilerOf(file: string): string | undefined {
  try {
    const manifest = createRequire(file).resolve('typescript/package.json')
    const { tsc } = (readJson(manifest)?.['bin'] ?? {}) as { readonly tsc?: string }
    return tsc === undefined ? undefined : join(dirname(manifest), tsc)
  } catch {
    // Not installed: editors bring their own.
    return undefined
  }
}

/** Those in files of the project: what packages have wrong is nobody's to mend here. */
export function typeErrors(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [, file, place, message] = /^(\S.*?)\((\d+,\d+)\): error (TS\d+: .*)$/.exec(line) ?? []
    const isOurs = file !== undefined && !file.startsWith('..') && !file.includes('node_modules')
    return isOurs ? [`${file}:${place!.replace(',', ':')} ${message}`] : []
  })
}

function errorsText(errors: readonly string[]): string {
  const more = errors.length - MOST_SHOWN
  return [
    `Types: ${errors.length === 1 ? '1 error' : `${errors.length} errors`}`,
    ...errors.slice(0, MOST_SHOWN).map((error) => `  ${error}`),
    ...(more > 0 ? [`  … and ${more} more: npx tsc --noEmit`] : []),
  ].join('\n')
}
