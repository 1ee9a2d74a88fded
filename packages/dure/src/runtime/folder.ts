import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder with all that lead to it, where they are not there yet. Step by step: Node's own recursive way never
 * returns where a file system refuses new folders with ENOENT, as /proc does.
 * @throws {Error} the file system's own
 *
 * @example
 * ```ts
 * import { existsSync } from 'node:fs'
 * import { makeFolder } from 'dure/runtime'
 *
 * makeFolder('data/shop')
 * console.log(existsSync('data/shop')) // → true
 * ```
 */
export function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process made it in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !existsSync(path)) throw error
  }
}
