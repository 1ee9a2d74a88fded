/** What Dure's own packages share of `identity`, and no promise to anybody else. */
export {
  AUTHORITY_FOLDER,
  certificatesOf,
  findAuthority,
  joinAuthority,
  keyText,
  newKeys,
  openAuthority,
  rotateRoot,
  signRequest,
  type Authority,
} from './authority.ts'
export { requestOf } from './request.ts'
export { certificateOf } from './certificate.ts'
