/** Style sheet of calls and of carrying on elsewhere; it comes with what it dresses. */
export const reachCss = `
.sheet{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;display:flex;flex-direction:column;gap:14px;padding:12px 20px 20px;background:var(--surface)}
.sheet .top{display:flex;align-items:center;gap:4px;margin-inline-start:-10px}
.sheet h2{font-size:19px;overflow-wrap:anywhere}
.sheet form,.sheet form>div,.links{display:flex;flex-direction:column;gap:14px}
.sheet .field{gap:5px}
.sheet .check span{overflow-wrap:anywhere}
.sheet p{overflow-wrap:anywhere}
.ways{list-style:none;margin:0;padding:0;display:flex;flex-direction:column;gap:10px}
.ways li{display:flex;flex-wrap:wrap;align-items:center;gap:8px;padding:4px 10px 4px 4px;border:1px solid var(--line);border-radius:14px}
.way{display:flex;align-items:center;gap:10px;flex:1;min-width:0;min-height:44px;padding:6px 10px;border-radius:12px;color:inherit;font-weight:600;text-decoration:none;overflow-wrap:anywhere}
.way .icon{color:var(--link)}
.way:hover{background:rgb(127 127 127/.15)}
.qr{flex-basis:100%;display:flex;flex-direction:column;align-items:center;gap:6px;padding:4px 4px 10px;text-align:center;font-size:13px}
.qr svg{width:200px;max-width:100%;background:#fff;border-radius:10px}
.callbar{display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;padding:10px 12px 10px 16px;background:var(--surface);border-bottom:1px solid var(--line);font-size:14px}
.callbar>div{flex:1 1 180px;min-width:0;overflow-wrap:anywhere}
.callbar .timer{font-variant-numeric:tabular-nums;color:var(--muted);font-size:13px}
.callbar .icon{color:var(--link)}
.callbar .row{margin:0 0 0 auto;align-items:center}
.callbar .text-button{border:1px solid var(--link)}
@media (prefers-reduced-motion:no-preference){.callbar .busy{animation:buzz 1.2s infinite}}
@keyframes buzz{0%,60%,100%{transform:none}15%,45%{transform:rotate(-12deg)}30%{transform:rotate(12deg)}}
`;
