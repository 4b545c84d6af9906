import { createPrivateKey, X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { AlphapoError, messageOf } from '@alphapo/base';
import { Reloaded, type ReloadOptions } from './reloaded.ts';
import type { TlsSettings } from './settings.ts';

/** What TLS is made with, as PEM. */
export interface TlsMaterial {
  readonly identity: { readonly certificate: Buffer; readonly key: Buffer } | undefined;
  readonly authorities: Buffer;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The files of the settings, checked, and read again when they change. Errors: INVALID_TLS_FILE with the file. */
export function openTlsMaterial(
  { identity, authorities }: TlsSettings,
  options: ReloadOptions,
): Promise<Reloaded<TlsMaterial>> {
  const files = [...(identity === undefined ? [] : [identity.certificate, identity.key]), authorities ?? []].flat();
  return Reloaded.open(
    files,
    (contents) => {
      const left = [...contents];
      const [certificate, key] = identity === undefined ? [] : left.splice(0, 2);
      const [trusted] = left;
      if (authorities !== undefined && trusted !== undefined) checkCertificates(trusted, authorities);
      if (identity !== undefined && certificate !== undefined && key !== undefined) {
        checkIdentity(certificate, identity.certificate, key, identity.key);
      }
      return {
        identity: certificate === undefined || key === undefined ? undefined : { certificate, key },
        authorities: trusted ?? Buffer.from(getCACertificates('default').join('\n')),
      };
    },
    options,
  );
}

function checkIdentity(certificate: Buffer, certificateFile: string, key: Buffer, keyFile: string): void {
  const leaf = checkCertificates(certificate, certificateFile);
  const privateKey = parsed(keyFile, 'has no readable private key (it must be PEM, without a passphrase)', () =>
    createPrivateKey(key),
  );
  if (leaf.checkPrivateKey(privateKey)) return;
  throw invalid(keyFile, `is not the key of the certificate in ${certificateFile}`);
}

/** The first of the certificates of a file, all of which can be read. */
function checkCertificates(pem: Buffer, file: string): X509Certificate {
  const blocks = pem.toString('latin1').match(CERTIFICATE) ?? [];
  const [first] = blocks.map((block) =>
    parsed(file, 'has a certificate that cannot be read', () => new X509Certificate(block)),
  );
  if (first === undefined) throw invalid(file, 'has no PEM certificate');
  return first;
}

function parsed<T>(file: string, problem: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw invalid(file, `${problem}: ${messageOf(error)}`);
  }
}

function invalid(file: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_TLS_FILE', `${file} ${problem}`, { metadata: { file } });
}
