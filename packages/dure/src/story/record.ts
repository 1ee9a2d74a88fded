import type { Story } from './definition.ts'

/** A story in a file: `dure story ORDER --export FILE` writes it, `dure sim --story FILE` plays it. */
export type StoryRecord = Pick<Story, 'system' | 'about' | 'state' | 'reasons' | 'began' | 'messages' | 'sagas'> & {
  readonly format: 'dure-story'
  readonly version: 1
}

const FORMAT = { format: 'dure-story', version: 1 } as const

/**
 * What is to be kept of a story, for a file.
 *
 * @example
 * ```ts
 * import { storyRecord, type Story } from 'dure/story'
 *
 * const empty = { began: undefined, ended: undefined, messages: [], sagas: [], choreographies: [], spans: [] }
 * const told = { reasons: [], correlationIds: [], cutOff: [], unseen: [] }
 * const story: Story = { system: 'shop', about: 'order-17', state: 'done', ...empty, ...told }
 * console.log(storyRecord(story).format) // → dure-story
 * ```
 */
export function storyRecord({ system, about, state, reasons, began, messages, sagas }: Story): StoryRecord {
  return { ...FORMAT, system, about, state, reasons, began, messages, sagas }
}

/**
 * Reads what `storyRecord` has made, from the text of a file.
 * @throws {TypeError} when it is no story, or one of a later version
 *
 * @example
 * ```ts
 * import { readStoryRecord } from 'dure/story'
 *
 * const text = '{"format":"dure-story","version":1,"system":"shop","about":"order-17","messages":[],"sagas":[]}'
 * console.log(readStoryRecord(text).about) // → order-17
 * ```
 */
export function readStoryRecord(text: string): StoryRecord {
  let read: Partial<StoryRecord> | null
  try {
    read = JSON.parse(text) as Partial<StoryRecord> | null
  } catch (cause) {
    throw new TypeError(`Cannot read the story: it is not JSON (${(cause as Error).message})`, { cause })
  }
  if (read?.format !== FORMAT.format || !Array.isArray(read.messages) || !Array.isArray(read.sagas))
    throw new TypeError('Cannot read the story: give a file that "dure story ORDER --export FILE" has written')
  if (read.version !== FORMAT.version)
    throw new TypeError(
      `Cannot read the story: it is of version ${String(read.version)}, and this program knows ${FORMAT.version}; use the program that wrote it`,
    )
  return read as StoryRecord
}
