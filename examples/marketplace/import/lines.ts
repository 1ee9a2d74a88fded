import { open } from 'node:fs/promises'
import { ImportError } from './errors.ts'

/** A line of a text file: `number` counts from 1; `fault` says why its text cannot be trusted. */
export type Line = { readonly number: number; readonly text: string; readonly fault: 'NOT_UTF8' | 'LINE_TOO_LONG' | undefined }

/** No honest row of these files comes near it; it bounds memory when a file has no line ends at all. */
export const LONGEST_LINE = 65_536

/**
 * The lines of a UTF-8 file, read a block at a time, without their ends (LF or CRLF) and without a byte order mark.
 * @throws {ImportError} when the file cannot be read
 */
export async function* readLines(file: string): AsyncGenerator<Line> {
  const decoder = new TextDecoder()
  let number = 0
  let pending = ''
  let overlong = false
  const line = (text: string): Line => {
    number++
    const fault = overlong ? 'LINE_TOO_LONG' : text.includes('\uFFFD') || text.includes('\0') ? 'NOT_UTF8' : undefined
    overlong = false
    return { number, text: text.endsWith('\r') ? text.slice(0, -1) : text, fault }
  }
  for await (const block of blocks(file)) {
    const text = pending + decoder.decode(block, { stream: true })
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      if (end - start > LONGEST_LINE) overlong = true
      yield line(text.slice(start, Math.min(end, start + LONGEST_LINE)))
      start = end + 1
    }
    pending = text.slice(start)
    if (pending.length > LONGEST_LINE) {
      overlong = true
      pending = pending.slice(0, LONGEST_LINE)
    }
  }
  pending += decoder.decode()
  if (pending !== '') yield line(pending)
}

async function* blocks(file: string): AsyncGenerator<Uint8Array> {
  const handle = await open(file).catch((cause: unknown) => {
    throw unreadable(file, cause)
  })
  try {
    const buffer = Buffer.allocUnsafe(65_536)
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null).catch((cause: unknown) => {
        throw unreadable(file, cause)
      })
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

function unreadable(file: string, cause: unknown): ImportError {
  const code = (cause as { code?: string }).code
  const state =
    code === 'ENOENT'
      ? 'there is no such file; check the path'
      : code === 'EISDIR'
        ? 'it is a directory; name the file in it'
        : code === 'EACCES'
          ? 'this user may not read it; check its permissions'
          : `reading failed with ${String(cause)}`
  return new ImportError(`Cannot import "${file}": ${state}`, { cause })
}
