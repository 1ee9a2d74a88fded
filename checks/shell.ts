import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

export type Ran = { readonly code: number; readonly output: string }

export const root: string = join(import.meta.dirname, '..')

/** Runs a program of node_modules on the Node that runs this; gathers all it says. */
export function runTool(tool: string, args: readonly string[], cwd: string = root): Promise<Ran> {
  return run(process.execPath, [join(root, 'node_modules', tool), ...args], cwd)
}

export function run(command: string, args: readonly string[], cwd: string = root, env = process.env): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...env, NO_COLOR: '1' } })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.on('error', (cause) => reject(new Error(`Cannot run "${command}": ${cause.message}`, { cause })))
    // Some tools colour what they say in CI, whatever they are told.
    child.on('close', (code) => resolve({ code: code ?? 1, output: stripVTControlCharacters(output) }))
  })
}

/** The environment without what npm tells its scripts of this repository, for an npm that works somewhere else. */
export function outside(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_OPTIONS$|INIT_CWD$)/i.test(name)))
}
