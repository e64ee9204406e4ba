/** The widget's style sheet. Lengths in px: `rem` would follow the page's font size. */
export const css = `
:host{all:initial!important;position:fixed!important;inset:auto!important;z-index:2147483000!important;
display:block!important;direction:ltr!important;font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif!important;
color:var(--text)!important;text-size-adjust:none!important;-webkit-text-size-adjust:none!important}
:host([hidden]){display:none!important}
*,*::before,*::after{box-sizing:border-box}
button,input,textarea,select{font:inherit;color:inherit;letter-spacing:inherit;margin:0}
button{cursor:pointer;border:0;background:none;padding:0;-webkit-tap-highlight-color:transparent}
button:disabled{cursor:default}
h2,p,fieldset,legend{margin:0;padding:0;border:0}
a{color:var(--link);text-underline-offset:2px}
[hidden]{display:none!important}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.icon{display:block;width:22px;height:22px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;flex:none}
:focus-visible{outline:2px solid var(--edge);outline-offset:2px}
:focus:not(:focus-visible){outline:none}

.launcher{position:fixed;bottom:20px;right:20px;width:60px;height:60px;border-radius:50%;border:1px solid transparent;
background:linear-gradient(150deg,var(--accent),var(--accent2));color:var(--on);display:grid;place-items:center;
box-shadow:0 6px 20px rgb(0 0 0/.22),0 1px 4px rgb(0 0 0/.16)}
.launcher:focus-visible{outline:3px solid var(--edge);box-shadow:0 0 0 6px var(--surface)}
.launcher .icon{width:28px;height:28px;grid-area:1/1}
.i-chat{fill:currentColor;stroke:none}
.launcher .i-down,.launcher[aria-expanded=true] .i-chat{visibility:hidden;opacity:0}
.launcher[aria-expanded=true] .i-down{visibility:visible;opacity:1}
.badge{position:absolute;top:-3px;right:-3px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;background:#c3261b;color:#fff;
font-size:12px;font-weight:700;line-height:20px;text-align:center;border:1px solid #fff}

.invite{position:fixed;bottom:92px;right:20px;width:300px;max-width:calc(100vw - 40px);display:flex;background:var(--surface);
border:1px solid var(--line);border-radius:18px 18px 6px 18px;box-shadow:0 10px 34px rgb(0 0 0/.16)}
.invite .words{display:flex;gap:12px;flex:1;min-width:0;padding:16px 4px 16px 16px;text-align:start;border-radius:inherit}
.invite .words span:last-child{min-width:0;overflow-wrap:anywhere;display:-webkit-box;-webkit-line-clamp:5;-webkit-box-orient:vertical;overflow:hidden}
.invite b{display:block;font-size:13px}
.invite .tool{margin:6px 6px 0 0;width:32px;height:32px}
.invite .tool .icon{width:16px;height:16px}

.panel{position:fixed;right:20px;bottom:94px;width:388px;height:640px;max-width:calc(100vw - 40px);max-height:calc(100dvh - 114px);
display:flex;flex-direction:column;overflow:hidden;overflow:clip;background:var(--ground);border:1px solid var(--line);border-radius:20px;
box-shadow:0 18px 60px rgb(0 0 0/.22),0 2px 8px rgb(0 0 0/.08)}
.left .launcher,.left .panel,.left .invite{right:auto;left:20px}
.left .invite{border-radius:18px 18px 18px 6px}
header{display:flex;align-items:center;gap:12px;padding:14px 12px 14px 16px;background:linear-gradient(150deg,var(--accent),var(--accent2));color:var(--on);flex:none}
header .avatar{width:40px;height:40px;font-size:17px;background:var(--on);color:var(--accent2);box-shadow:none}
header .who{flex:1;min-width:0}
header h2{font-size:16px;line-height:1.3;font-weight:650;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
header p{font-size:13px;line-height:1.35;display:flex;gap:6px;align-items:baseline}
header p::before{content:"";width:8px;height:8px;border-radius:50%;background:#3ddc84;border:1px solid var(--on);flex:none}
header .away::before{background:transparent}
header .tool{color:inherit}
header .tool:hover{background:rgb(127 127 127/.28)}
header :focus-visible{outline-color:var(--on);outline-offset:-3px}
.avatar{width:30px;height:30px;border-radius:50%;overflow:hidden;display:grid;place-items:center;flex:none;font-weight:650;font-size:13px;background:var(--accent);color:var(--on)}
.avatar img{width:100%;height:100%;object-fit:cover}
.tool{width:40px;height:40px;border-radius:12px;display:grid;place-items:center;flex:none;color:var(--muted)}
.tool:hover{background:rgb(127 127 127/.14);color:var(--text)}
.tool.small{width:28px;height:28px;border-radius:8px}
.tool.small .icon{width:15px;height:15px}

.banner{padding:8px 16px;font-size:13px;background:var(--surface);border-bottom:1px solid var(--line);color:var(--text);flex:none}
.body{flex:1;min-height:0;position:relative;display:flex;flex-direction:column}
.scroll{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:16px 14px 8px;scrollbar-width:thin;overflow-anchor:none}
.scroll:focus-visible{outline-offset:-3px}
.list{display:flex;flex-direction:column}
.day{align-self:center;margin:14px 0 12px;font-size:12px;color:var(--muted)}
.day::first-letter{text-transform:uppercase}
.text-button{min-height:32px;padding:4px 12px;border-radius:16px;color:var(--link);font-weight:600;font-size:13px}
.text-button:hover{text-decoration:underline}
.earlier{align-self:center;margin:0 auto 4px;display:block}
.msg{display:flex;gap:8px;align-items:flex-end;margin-top:3px;max-width:100%}
.msg.first{margin-top:12px}
.msg .avatar{visibility:hidden}
.msg.last .avatar{visibility:visible}
.stack{display:flex;flex-direction:column;align-items:flex-start;min-width:0;max-width:84%}
.in{justify-content:flex-end}
.in .stack{align-items:flex-end}
.name{font-size:12px;color:var(--muted);margin:0 0 4px 12px;display:none}
.first .name{display:block}
.balloon{padding:9px 13px;border-radius:18px;background:var(--balloon);border:1px solid var(--line);white-space:pre-wrap;overflow-wrap:anywhere;max-width:100%}
.out.last .balloon:last-of-type{border-bottom-left-radius:6px}
.in .balloon{background:var(--accent);color:var(--on);border-color:transparent}
.in.last .balloon:last-of-type{border-bottom-right-radius:6px}
.in .balloon a{color:inherit}
.in .balloon :focus-visible{outline-color:var(--on)}
.picture{display:block;width:220px;max-width:100%;height:165px;border-radius:16px;overflow:hidden;border:1px solid var(--line);margin-bottom:3px;background:var(--surface)}
.picture img{width:100%;height:100%;object-fit:cover;display:block}
.paper{display:flex;gap:10px;align-items:center;text-decoration:none;color:var(--text);padding:10px 14px 10px 10px;border:1px solid var(--line);border-radius:14px;background:var(--balloon);margin-bottom:3px;max-width:100%;min-height:44px}
.paper:hover b{text-decoration:underline}
.paper span{min-width:0;overflow-wrap:anywhere}
.paper b{display:block;font-size:14px;line-height:1.3;font-weight:600}
.paper small,.meta,.hint{font-size:12px;color:var(--muted)}
.row{display:flex;flex-wrap:wrap;gap:6px;margin-top:6px}
.choice{min-height:36px;padding:6px 14px;border:1px solid var(--edge);border-radius:18px;color:var(--link);background:var(--surface);font-weight:600;font-size:14px;text-decoration:none;overflow-wrap:anywhere;text-align:center}
.choice:hover:enabled,a.choice:hover{background:var(--accent);color:var(--on)}
.choice:disabled{border-color:var(--line);color:var(--muted)}
.meta{display:none;align-items:center;gap:4px;margin:4px 4px 0 12px;min-height:16px}
.last .meta,.failed .meta{display:flex}
.in .meta{margin:4px 4px 0}
.meta .icon{width:15px;height:15px}
.read .i-two{color:var(--link)}
.failed .meta{color:var(--danger);flex-wrap:wrap;justify-content:flex-end}
.failed .balloon{opacity:.75}
.jump{position:absolute;right:14px;bottom:10px;width:40px;height:40px;border-radius:50%;background:var(--surface);border:1px solid var(--line);box-shadow:0 3px 12px rgb(0 0 0/.18)}
.typing{padding:0 16px;font-size:13px;color:var(--muted);min-height:24px;display:flex;gap:8px;align-items:center;flex:none}
.dots{display:inline-flex;gap:3px}
.dots i{width:5px;height:5px;border-radius:50%;background:currentColor}

.composer{flex:none;background:var(--surface);border-top:1px solid var(--line);padding:8px 8px 10px}
.notice{display:flex;align-items:center;gap:8px;padding:4px 8px 8px;font-size:13px;flex-wrap:wrap}
.notice span{flex:1;min-width:160px}
.error{color:var(--danger);font-size:13px}
.line{display:flex;align-items:flex-end;gap:2px}
textarea,input:not([type=checkbox],[type=radio]),select{width:100%;min-height:44px;padding:10px 12px;border:1px solid var(--control);border-radius:12px;background:var(--surface);font-size:16px;line-height:22px;resize:none}
textarea::placeholder{color:var(--muted);opacity:1;white-space:nowrap}
.line textarea{flex:1;min-width:0;max-height:132px;border-color:transparent;padding:9px 8px;min-height:42px;scrollbar-width:thin}
.composer:focus-within{box-shadow:inset 0 2px 0 var(--edge)}
.line textarea:focus-visible{outline:2px solid transparent}
.send{background:var(--accent);color:var(--on);border-radius:50%;border:1px solid transparent}
.send:hover{background:var(--accent2);color:var(--on)}
.send:disabled{background:var(--line);color:var(--muted)}
.chips{display:flex;flex-wrap:wrap;gap:8px;padding:4px 8px 8px}
.chip{display:flex;align-items:center;gap:8px;max-width:100%;padding:4px 4px 4px 8px;border:1px solid var(--line);border-radius:12px;font-size:13px}
.chip img{width:36px;height:36px;border-radius:8px;object-fit:cover;margin-left:-4px}
.chip span{min-width:0;max-width:150px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.chip.failed{border-color:var(--danger)}
progress{width:56px;height:6px;accent-color:var(--edge)}
.count{padding:0 8px 4px;font-size:12px;color:var(--muted);text-align:end}
.privacy{padding:6px 8px 0;font-size:12px;line-height:1.4;color:var(--muted);text-align:center}
.dropping::after{content:attr(data-drop);position:absolute;inset:8px;display:grid;place-items:center;border:2px dashed var(--edge);border-radius:14px;background:var(--surface);opacity:.95;font-weight:600;z-index:2}

.form{flex:1;overflow-y:auto;padding:20px;background:var(--surface);display:flex;flex-direction:column;gap:14px}
.form h2,.rating legend{font-size:19px;line-height:1.3;font-weight:650}
.field{display:flex;flex-direction:column;gap:5px}
.field label{font-size:14px;font-weight:600}
.field .check,.hint{font-weight:400}
.field textarea{min-height:96px;resize:vertical}
[aria-invalid=true]{border-color:var(--danger)!important;box-shadow:0 0 0 1px var(--danger)}
.check{display:flex;gap:10px;align-items:flex-start;font-size:14px}
.check input{width:22px;height:22px;margin:0;flex:none;accent-color:var(--edge)}
.primary{min-height:46px;padding:10px 20px;border-radius:23px;background:var(--accent);color:var(--on);font-weight:650;border:1px solid transparent}
.primary:hover{background:var(--accent2)}
.primary[aria-busy=true]{opacity:.7}
.primary.compact{min-height:36px;padding:6px 16px;font-size:14px}
.rating{margin:18px 0 10px;padding:18px;border:1px solid var(--line);border-radius:18px;background:var(--surface);display:flex;flex-direction:column;gap:12px;text-align:center}
.rating legend{font-size:16px;display:contents}
.stars{display:flex;justify-content:center}
.stars label{position:relative;width:44px;height:44px;display:grid;place-items:center;border-radius:12px;color:var(--control);cursor:pointer}
.stars .icon{width:30px;height:30px}
.stars label.on{color:var(--link)}
.stars label.on .icon{fill:currentColor}
.stars label:focus-within{outline:2px solid var(--edge)}

@media (max-width:480px),(max-height:420px){
.panel{inset:0!important;width:auto;height:var(--height,100dvh);max-width:none;max-height:none;border:0;border-radius:0}
.opened .launcher{display:none}
header{padding:8px 6px 8px 12px}
}
@media (max-height:420px){header .avatar,.privacy,header p{display:none}.scroll{padding-top:6px}}
@media (prefers-reduced-motion:no-preference){
.launcher{transition:transform .18s ease,box-shadow .18s ease}
.launcher:hover{transform:scale(1.05)}
.launcher .icon{transition:opacity .16s}
.panel,.invite{animation:rise .22s cubic-bezier(.2,.8,.3,1)}
.msg.new{animation:rise .18s ease-out}
.tool,.choice,.primary{transition:background-color .12s,color .12s}
.dots i{animation:dot 1.2s infinite}
.dots i:nth-child(2){animation-delay:.15s}.dots i:nth-child(3){animation-delay:.3s}
.scroll{scroll-behavior:auto}
}
@keyframes rise{from{opacity:0;transform:translateY(10px)}}
@keyframes dot{0%,60%,100%{opacity:.35}30%{opacity:1;transform:translateY(-2px)}}
@media (forced-colors:active){.balloon,.launcher,.send,.primary,.avatar{border:1px solid}.in .balloon{border-style:double;border-width:3px}.stars label.on{color:Highlight}.i-chat{fill:ButtonText}}
@media print{:host{display:none!important}}
`;
