import { chmodSync, mkdtempSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { makeFolder } from '../../runtime/runtime.ts'
import type { Address } from '../registry.ts'

// The address structure of a Unix socket holds 108 bytes on Linux and 104 on macOS, the zero at the end included.
const LONGEST = 100

/**
 * An address of its own for one process of a system: a socket in its directory, or in a fresh temporary folder when that
 * path is too long for a socket. Only the folder's owner can reach it.
 */
export function socketIn(directory: string, id: string): Address {
  const folder = join(resolve(directory), 'sockets')
  const path = join(folder, `${id}.sock`)
  if (Buffer.byteLength(path) > LONGEST) return { kind: 'unix', path: join(mkdtempSync(join(tmpdir(), 'dure-')), 's') }
  makeFolder(folder)
  chmodSync(folder, 0o700)
  return { kind: 'unix', path }
}

/** Whether somebody answers on a socket; what a crash left behind does not. */
export function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', () => done(false))
  })
}
