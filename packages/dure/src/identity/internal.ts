/** What Dure's own packages share of `identity`, and no promise to anybody else. */
export {
  AUTHORITY_FOLDER,
  findAuthority,
  joinAuthority,
  keyText,
  newKeys,
  openAuthority,
  signRequest,
  type Authority,
} from './authority.ts'
export { requestOf } from './request.ts'
export { certificateOf } from './certificate.ts'
