import { describe, expect, it } from 'vitest';
import { refusalOfAddress } from '../../../src/callbacks/address-policy.js';

/** The addresses that every policy refuses. */
const never: readonly [address: string, kind: string][] = [
  ['169.254.0.1', 'link-local'],
  ['169.254.255.255', 'link-local'],
  ['169.254.0.23', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['fe80::1%br-0', 'link-local'],
  ['febf:ffff::1', 'link-local'],
  ['::ffff:169.254.1.1', 'link-local'],
  ['::169.254.1.1', 'link-local'],
  ['2002:a9fe:0101::1', 'link-local'],
  ['169.254.169.254', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['fd00:ec2::254', 'metadata'],
  ['FD00:0EC2:0:0:0:0:0:0254', 'metadata'],
  ['fd00:ec2::254%eth0', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['::ffff:169.254.169.254', 'metadata'],
  ['::ffff:a9fe:a9fe', 'metadata'],
  ['0:0:0:0:0:ffff:a9fe:a9fe', 'metadata'],
  ['::a9fe:a9fe', 'metadata'],
  ['::ffff:0:a9fe:a9fe', 'metadata'],
  ['64:ff9b::169.254.169.254', 'metadata'],
  ['64:ff9b::a9fe:a9fe', 'metadata'],
  ['2002:a9fe:a9fe::', 'metadata'],
  ['2001:0:808:808:0:0:5601:5601', 'metadata'],
  ['2001:0:a9fe:a9fe:0:0:f7f7:f7f7', 'metadata'],
  ['::ffff:100.100.100.200', 'metadata'],
  ['64:ff9b::6464:64c8', 'metadata'],
  ['2002:6464:64c8::1', 'metadata'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['ff02::1', 'multicast'],
  ['ff0e::1', 'multicast'],
  ['::ffff:224.0.0.1', 'multicast'],
  ['255.255.255.255', 'broadcast'],
  ['::ffff:255.255.255.255', 'broadcast'],
  ['0.0.0.0', 'unspecified'],
  ['0.0.0.1', 'unspecified'],
  ['0.255.255.255', 'unspecified'],
  ['::', 'unspecified'],
  ['0:0:0:0:0:0:0:0', 'unspecified'],
  ['::ffff:0.0.0.0', 'unspecified'],
  ['::ffff:0:0', 'unspecified'],
  ['::2', 'unspecified'],
  ['64:ff9b::', 'unspecified'],
  ['192.0.0.1', 'reserved'],
  ['192.0.2.1', 'reserved'],
  ['192.88.99.1', 'reserved'],
  ['192.175.48.1', 'reserved'],
  ['192.31.196.1', 'reserved'],
  ['192.52.193.1', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['198.19.255.255', 'reserved'],
  ['198.51.100.1', 'reserved'],
  ['203.0.113.1', 'reserved'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.254', 'reserved'],
  ['100::1', 'reserved'],
  ['64:ff9b:1::808:808', 'reserved'],
  ['fec0::1', 'reserved'],
  ['2001:2::1', 'reserved'],
  ['2001:3::1', 'reserved'],
  ['2001:4:112::1', 'reserved'],
  ['2001:10::1', 'reserved'],
  ['2001:20::1', 'reserved'],
  ['2001:db8::1', 'reserved'],
  ['2620:4f:8000::1', 'reserved'],
  ['3fff::1', 'reserved'],
  ['4000::1', 'reserved'],
  ['5f00::1', 'reserved'],
  ['0:1::1', 'reserved'],
  ['fe00::1', 'reserved'],
  ['::ffff:192.0.2.1', 'reserved'],
];

/** Refused with `publicOnly`. */
const local: readonly [address: string, kind: string][] = [
  ['10.0.0.0', 'private'],
  ['10.255.255.255', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['fc00::1', 'private'],
  ['fd00:ec2::253', 'private'],
  ['fdff:ffff::1', 'private'],
  ['::ffff:10.0.0.1', 'private'],
  ['::ffff:a00:1', 'private'],
  ['::10.0.0.1', 'private'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['2002:a00:1::', 'private'],
  ['2001:0:808:808:0:0:f5ff:fffe', 'private'],
  ['2001:0:a00:1:0:0:f7f7:f7f7', 'private'],
  ['100.64.0.1', 'carrier-grade-nat'],
  ['100.100.100.199', 'carrier-grade-nat'],
  ['100.100.100.201', 'carrier-grade-nat'],
  ['100.127.255.255', 'carrier-grade-nat'],
  ['::ffff:100.64.0.1', 'carrier-grade-nat'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.255', 'loopback'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['::1%lo', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::FFFF:7F00:1', 'loopback'],
  ['::127.0.0.1', 'loopback'],
  ['::ffff:0:127.0.0.1', 'loopback'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['2002:7f00:1::', 'loopback'],
  ['2001:0:808:808:0:0:80ff:fffe', 'loopback'],
];

const everywhere: readonly string[] = [
  '8.8.8.8',
  '1.1.1.1',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '168.63.129.17',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2400:3200::1',
  '2606:4700:4700::1111',
  '2a00:1450:4001::200e',
  '::ffff:8.8.8.8',
  '::8.8.8.8',
  '::ffff:0:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2002:808:808::1',
  '2001:0:808:808:0:0:f7f7:f7f7',
];

/** Read differently by different programs, or by none. */
const malformed: readonly string[] = [
  '',
  'localhost',
  'example.com',
  '2130706433',
  '0x7f.1',
  '0x7f000001',
  '127.1',
  '0177.0.0.1',
  '010.8.8.8',
  '08.8.8.8',
  '8.8.8',
  '256.8.8.8',
  '8.8.8.8.8',
  ' 8.8.8.8',
  '8.8.8.8\n',
  '8.8.8.8%eth0',
  '[2606:4700::1]',
  '8.8.8.8/32',
  '1:2:3:4:5:6:7:8:9',
];

describe('addresses that are always refused', () => {
  it.each(never)('the address %s is always refused as %s', (address, kind) => {
    expect(refusalOfAddress(address, { publicOnly: false })).toBe(kind);
    expect(refusalOfAddress(address, { publicOnly: true })).toBe(kind);
  });
});

describe('addresses of private networks', () => {
  it.each(local)('the address %s may be called unless publicOnly refuses it as %s', (address, kind) => {
    expect(refusalOfAddress(address, { publicOnly: false })).toBeUndefined();
    expect(refusalOfAddress(address, { publicOnly: true })).toBe(kind);
  });
});

describe('public addresses', () => {
  it.each(everywhere)('the public address %s may be called', (address) => {
    expect(refusalOfAddress(address, { publicOnly: false })).toBeUndefined();
    expect(refusalOfAddress(address, { publicOnly: true })).toBeUndefined();
  });
});

describe('malformed addresses', () => {
  it.each(malformed)('the malformed address %j is refused', (address) => {
    expect(refusalOfAddress(address, { publicOnly: false })).toBe('malformed');
    expect(refusalOfAddress(address, { publicOnly: true })).toBe('malformed');
  });
});
