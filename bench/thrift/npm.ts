/** npm's `thrift`, with what Thrift's compiler makes of our IDL for it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { thriftDocument } from '@dure/thrift'
import { Orders } from './orders.ts'

type Transport = { readonly flush: () => void }
type Protocol = object
export type NpmStruct = { readonly read: (from: Protocol) => void; readonly write: (to: Protocol) => void }

/** What of it is used here. */
export type NpmThrift = {
  readonly TFramedTransport: new (bytes: Buffer | undefined, flushed?: (frame: Buffer) => void) => Transport
  readonly TBinaryProtocol: new (transport: Transport) => Protocol
  readonly TCompactProtocol: new (transport: Transport) => Protocol
  readonly createServer: (service: object, handlers: object, options: object) => Server
}

export type Made = {
  readonly thrift: NpmThrift
  readonly types: { readonly NewOrder: new (fields?: object) => NpmStruct; readonly Placed: new (fields: object) => NpmStruct }
  readonly service: object
}

/** @returns a folder with the generated code, for `load`. @throws when the compiler is not there */
export function generate(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-thrift-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    writeFileSync(join(folder, 'orders.thrift'), thriftDocument([Orders]))
    // Where it finds npm's `thrift`.
    symlinkSync(join(import.meta.dirname, '../node_modules'), join(folder, 'node_modules'))
    execFileSync('thrift', ['--strict', '-out', folder, '--gen', 'js:node', join(folder, 'orders.thrift')], { stdio: 'pipe' })
  } catch (error) {
    remove()
    throw new Error(
      `Cannot make code for npm's thrift: ${(error as Error).message}. Is thrift-compiler there? "npm run peers -- thrift" installs it`,
      { cause: error },
    )
  }
  return { folder, remove }
}

export function load(folder: string): Made {
  const find = createRequire(join(folder, 'main.js'))
  return {
    thrift: find('thrift') as NpmThrift,
    types: find('./orders_types.js') as Made['types'],
    service: find('./Orders.js') as object,
  }
}
