import { spawn } from 'node:child_process'
import { SOCKETS, SUPERVISED, type FromProcess, type OnStarted, type Started } from './channel.ts'
import { lines } from './lines.ts'
import type { ListeningSockets } from './listening-sockets.ts'
import { nodeOptions } from './node-options.ts'
import type { ProcessOptions } from './options.ts'

/** Runs a program in a process of its own. */
export function startProcess(what: ProcessOptions, sockets: ListeningSockets | undefined, on: OnStarted): Started {
  const { program, node = nodeOptions(process.execArgv, process.env['NODE_OPTIONS']), env, cwd } = what
  const child = spawn(process.execPath, [...node, ...program], {
    // The channel carries wishes and pulses; its end tells the process that its supervisor is gone.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...(sockets?.descriptors ?? [])],
    env: { ...process.env, ...env, [SUPERVISED]: String(process.pid), [SOCKETS]: JSON.stringify(sockets?.names ?? []) },
    cwd,
    // Ctrl-C at a terminal goes to everybody in the group; when to stop is the supervisor's to say.
    detached: true,
  })
  lines(child.stdout!, (text) => on.line('out', text))
  lines(child.stderr!, (text) => on.line('error', text))
  child.on('message', (message: FromProcess) => on.message(message))
  child.once('error', (error) => on.over(`could not be started: ${error.message}`))
  // After `close`, so that the last words are there.
  child.once('close', (code, signal) => on.over(signal !== null ? `was killed by ${signal}` : `ended with code ${code}`))
  return {
    pid: child.pid,
    thread: undefined,
    tell: (message) => {
      if (child.connected) child.send(message, () => {})
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
